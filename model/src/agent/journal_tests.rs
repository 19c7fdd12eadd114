use super::*;
use crate::agent::event::{AgentEvent, Reason, event_id};
use crate::agent::plan::Command;
use crate::agent::state::{End, Running, Switch, VERSION, watch_key};
use crate::agent::testing::{config, rule, units};
use crate::agent::time::{Clock, Moment};
use crate::ledger::Status;
use proptest::prelude::*;
use serde_json::json;

const NOW: Now = Now { boot: 7, monotonic: 1000, wall: 1_795_000_000_000 };

fn event(number: u64) -> AgentEvent {
    let rule = rule("memory", "unit_failed", &units(&["a.service"]), &json!({}), &json!({}));
    let config = config(&json!({}), vec![rule.clone()]);
    let mut event = AgentEvent::new(
        event_id(1, number, "shop/memory", "unit/a.service"),
        config.identity(),
        &rule,
        "a.service",
        &NOW,
    );
    event.status = Status::Skipped;
    event
}

fn running(number: u64) -> Running {
    let event = event(number);
    let keep = 3_600_000;
    Running {
        rule: "shop/memory".into(),
        resource: "unit/a.service".into(),
        began: Moment(0),
        event,
        undo: Vec::new(),
        keep,
    }
}

/// A journal that does everything once, with the state that comes of it after each entry.
fn journal() -> (Vec<String>, Vec<State>) {
    let id = running(1).event.event_id;
    let records = vec![
        Record::Begun(Box::new(running(1))),
        Record::Event(Box::new(event(1))),
        Record::Undo { event_id: id.clone(), commands: vec![Command::Resize { to: 20 }] },
        Record::Ended {
            event_id: id.clone(),
            end: End::Healed,
            put_back: Some((vec![Command::Resize { to: 20 }], 3_600_000)),
        },
        Record::Switched { scope: "host ALL".into(), switch: Some((Switch::Pause, Some(60_000))) },
        Record::Escalated { watch: watch_key("shop/memory", "unit/a.service"), event: Box::new(event(2)) },
        Record::Acknowledged { through: 2 },
        Record::PutBackLater { event_id: id.clone(), after: 5 },
        Record::PutBackDone { event_id: id },
        Record::Renewed { watch: watch_key("shop/memory", "unit/a.service") },
        Record::Event(Box::new(event(3))),
    ];
    let mut state = State::fresh(1, &NOW);
    let (mut lines, mut states) = (Vec::new(), Vec::new());
    for record in records {
        let clock = Clock { moment: state.clock.moment.after(10), ..state.clock.clone() };
        let entry = Entry { number: state.next_entry, clock, record };
        state.apply(&entry);
        lines.push(encode(&entry).unwrap());
        states.push(state.clone());
    }
    (lines, states)
}

#[test]
fn a_line_is_an_entry_again() {
    let (lines, _) = journal();
    for line in &lines {
        let entry = decode(line.as_bytes()).unwrap();
        assert_eq!(encode(&entry).unwrap(), *line);
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    let (lines, _) = journal();
    let line = lines[2].trim_end().as_bytes();
    for place in 0..line.len() {
        for bit in 0..8 {
            let mut damaged = line.to_vec();
            damaged[place] ^= 1 << bit;
            // Upper and lower case of the checksum's digits are the same number.
            let same = damaged.to_ascii_lowercase()[..8] == line[..8] && damaged[8..] == line[8..];
            assert!(same || decode(&damaged).is_err(), "{place} {bit}");
        }
    }
}

#[test]
fn the_fold_of_all_lines_is_the_state() {
    let (lines, states) = journal();
    let folded = fold(lines.concat().as_bytes(), 1, &NOW);
    assert_eq!(&folded.state, states.last().unwrap());
    assert_eq!((folded.damaged, folded.missing, folded.torn), (0, 0, false));
    let unpublished: Vec<u64> = folded.unpublished.iter().map(|(number, _)| *number).collect();
    // Entry 2 is acknowledged.
    assert_eq!(unpublished, [6, 11]);
}

#[test]
fn wherever_the_last_line_is_torn_the_state_is_the_one_before() {
    let (lines, states) = journal();
    let whole = lines.concat();
    for end in 0..whole.len() {
        let folded = fold(&whole.as_bytes()[..end], 1, &NOW);
        let complete = whole[..end].matches('\n').count();
        let expected = if complete == 0 { State::fresh(1, &NOW) } else { states[complete - 1].clone() };
        assert_eq!(folded.state, expected);
        assert_eq!(folded.torn, end > 0 && !whole[..end].ends_with('\n'));
        assert_eq!(folded.damaged, 0);
    }
}

#[test]
fn a_damaged_line_in_the_middle_is_counted_and_skipped() {
    let (mut lines, _) = journal();
    lines[4] = lines[4].replace("host ALL", "host all");
    let folded = fold(lines.concat().as_bytes(), 1, &NOW);
    assert_eq!((folded.damaged, folded.missing, folded.torn), (1, 1, false));
    assert_eq!(folded.unpublished.len(), 2);
    assert!(folded.state.switches.is_empty());
}

#[test]
fn a_checkpoint_stands_for_everything_before_it_but_what_is_not_published() {
    let (lines, states) = journal();
    let state = states.last().unwrap().clone();
    let entry =
        Entry { number: state.next_entry, clock: state.clock.clone(), record: Record::Checkpoint(Box::new(state)) };
    let after =
        Entry { number: entry.number + 1, clock: entry.clock.clone(), record: Record::Acknowledged { through: 6 } };
    let rotated = [encode(&entry).unwrap(), lines[5].clone(), lines[10].clone(), encode(&after).unwrap()].concat();
    let folded = fold(rotated.as_bytes(), 99, &NOW);
    let all = fold([lines.concat(), encode(&entry).unwrap(), encode(&after).unwrap()].concat().as_bytes(), 99, &NOW);
    assert_eq!(folded, all);
    assert_eq!(folded.unpublished.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [11]);
    assert_eq!((folded.state.origin, folded.missing), (1, 0));
}

#[test]
fn an_attempt_that_changed_nothing_is_given_back() {
    let mut state = State::fresh(1, &NOW);
    let entry = |state: &State, record| Entry { number: state.next_entry, clock: state.clock.clone(), record };
    let begun = entry(&state, Record::Begun(Box::new(running(1))));
    state.apply(&begun);
    let watch = watch_key("shop/memory", "unit/a.service");
    assert_eq!(state.attempts(&watch, 1000, state.clock.moment), 1);
    let event_id = running(1).event.event_id;
    let left = entry(&state, Record::Ended { event_id, end: End::Left(Reason::DependencyDown), put_back: None });
    state.apply(&left);
    assert_eq!(state.attempts(&watch, 1000, state.clock.moment), 0);
    assert!(state.watches[&watch].ended.is_some() && state.running.is_empty());
}

#[test]
fn a_newer_version_is_not_half_understood() {
    assert_eq!(VERSION, 1);
    let (lines, _) = journal();
    let json = lines[0].trim_end()[9..].replacen("\"begun\"", "\"invented\"", 1);
    let line = format!("{:08x} {json}", crc32fast::hash(json.as_bytes()));
    assert!(matches!(decode(line.as_bytes()), Err(LineError::Unknown(_))));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes);
        let folded = fold(&bytes, 1, &NOW);
        prop_assert_eq!(folded.state, State::fresh(1, &NOW));
    }

    #[test]
    fn damage_never_takes_more_than_its_lines(at in 0_usize..4000, with: u8) {
        let (lines, _) = journal();
        let mut bytes = lines.concat().into_bytes();
        let at = at % bytes.len();
        let same = bytes[at] == with;
        bytes[at] = with;
        let folded = fold(&bytes, 1, &NOW);
        // One line is damaged, or two are one, or the last has no end.
        prop_assert!(folded.damaged <= 2);
        prop_assert!(same || folded.damaged > 0 || folded.torn || bytes[at].is_ascii_hexdigit());
    }
}
