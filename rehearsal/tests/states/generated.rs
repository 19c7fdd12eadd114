//! The generated machines load as they are.

use crate::template;

#[test]
fn all_three_load() {
    let states: usize =
        ["Guard", "Recorder", "Sweeper"].iter().map(|name| template::machine(name).states().count()).sum();
    assert!(states > 150, "{states}");
}

#[test]
fn a_machines_name_is_the_last_part_of_its_arn() {
    assert_eq!(template::machine("Guard").name(), "heal--core--guard");
}
