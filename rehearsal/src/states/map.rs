//! Map states: a thread for every item that runs.

use jsonata_core::value::JValue;

use super::evaluation::{Given, limited, whole};
use super::execution::{Execution, Turn};
use super::failure::TaskError;
use super::machine::{Kind, State};
use super::run::Left;
use super::thread::{Item, Mapping, Move, Thread, ThreadId, Work};

/// Items of an inline Map that run at once at most (Step Functions developer guide, inline Map).
const CONCURRENT: usize = 40;

impl Execution {
    /// Begins a Map state.
    pub(super) fn map(&mut self, id: ThreadId, state: &State, turn: &mut Turn) -> Left {
        let Kind::Map { items, concurrency, branch } = &state.kind else {
            return Err(TaskError::unsupported("this Map"));
        };
        let given = Given::default();
        let mut evaluator = self.evaluator(id, state, &given, &turn.host)?;
        let items = match limited(items, &mut evaluator, || format!("The state '{}' has items", state.name))? {
            JValue::Array(items) => items.into_vec(),
            JValue::Object(_) => return Err(TaskError::unsupported("`Items` that are an object")),
            other => return Err(TaskError::query(format!("The field 'Items' takes an array only, and got {other}"))),
        };
        let most = match concurrency {
            None => 0,
            Some(template) => whole(template, &mut evaluator, "MaxConcurrency", f64::from(u32::MAX))?,
        };
        // Begun and ended, and each item begun and ended.
        self.events += 2 + 2 * items.len();
        if items.is_empty() {
            let given = Given { result: Some(JValue::array(Vec::new())), error: None };
            let output = JValue::array(Vec::new());
            let output = self.finish(id, state, &state.outcome, &given, output, &turn.host)?;
            return Ok(Some(Move { next: state.next, output }));
        }
        let most = usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(CONCURRENT).min(CONCURRENT);
        let results = vec![JValue::Null; items.len()];
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.mapping = Some(Mapping { branch: *branch, items, next: 0, running: 0, results });
        }
        for _ in 0..most {
            self.start_item(id, turn);
        }
        Ok(None)
    }

    /// Starts a thread for the next item, if there is one.
    fn start_item(&mut self, parent: ThreadId, turn: &mut Turn) {
        let Some(mapping) = self.threads.get_mut(&parent).and_then(|thread| thread.mapping.as_mut()) else { return };
        let index = mapping.next;
        let Some(value) = mapping.items.get(index).cloned() else { return };
        mapping.next += 1;
        mapping.running += 1;
        let branch = mapping.branch;
        let mut thread = Thread::new(branch, self.machine.branches[branch].start, value.clone());
        thread.parent = Some(parent);
        thread.item = Some(Item { index, value });
        self.last_thread += 1;
        self.threads.insert(self.last_thread, thread);
        turn.ready.push_back((self.last_thread, Work::Enter));
    }

    /// An item has ended with an output.
    pub(super) fn item_done(&mut self, id: ThreadId, output: JValue, turn: &mut Turn) {
        let Some(Thread { parent: Some(parent), item: Some(item), .. }) = self.threads.remove(&id) else { return };
        let Some(thread) = self.threads.get_mut(&parent) else { return };
        let Some(mapping) = thread.mapping.as_mut() else { return };
        mapping.results[item.index] = output;
        mapping.running -= 1;
        if mapping.next < mapping.items.len() {
            self.start_item(parent, turn);
        } else if mapping.running == 0 {
            let results = std::mem::take(&mut mapping.results);
            thread.mapping = None;
            turn.ready.push_back((parent, Work::Result(JValue::array(results))));
        }
    }

    /// Stops all items of a thread's Map, and what they run in turn.
    pub(super) fn stop_items(&mut self, parent: ThreadId) {
        let Some(thread) = self.threads.get_mut(&parent) else { return };
        if thread.mapping.take().is_none() {
            return;
        }
        let items: Vec<_> =
            self.threads.iter().filter(|(_, thread)| thread.parent == Some(parent)).map(|(id, _)| *id).collect();
        for id in items {
            self.stop_items(id);
            self.wake(id);
            self.threads.remove(&id);
        }
    }
}
