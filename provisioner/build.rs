//! Says what is embedded: a new file in one of these folders is otherwise not noticed before the crate's own sources change.

fn main() {
    println!("cargo::rerun-if-changed=../templates");
    println!("cargo::rerun-if-changed=../local");
}
