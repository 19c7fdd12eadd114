//! The functions that Step Functions adds to `JSONata`, and those whose answer comes from virtual time and the seed
//! (Step Functions developer guide, transforming data).

use std::cell::RefCell;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::time::iso;
use crate::{Millis, Random};

/// What functions take from the outside during one [`super::Execution::advance`].
pub(super) struct Host {
    /// The moment. The same for all expressions of a call.
    pub(super) now: Millis,
    /// The run's randomness, lent for the call.
    pub(super) random: RefCell<Random>,
}

/// Names of functions that [`register`] knows.
pub(super) const NAMES: [&str; 8] = ["hash", "millis", "now", "parse", "partition", "random", "range", "uuid"];

/// Elements that `$range` gives at most, as `States.ArrayRange` does (Step Functions developer guide, intrinsic
/// functions).
const RANGE: usize = 1000;

const HEX: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

type Answer = Result<JValue, EvaluatorError>;

fn refuse(function: &str, why: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("${function}: {why}"))
}

/// Puts the function of this name into an evaluator.
pub(super) fn register(evaluator: &mut Evaluator, name: &str, host: &Rc<Host>) -> Result<(), EvaluatorError> {
    let host = Rc::clone(host);
    match name {
        "hash" => evaluator.register_fn(name, hash),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
        "millis" => evaluator.register_fn_override(name, move |_: &[JValue]| Ok(JValue::Number(host.now as f64))),
        "now" => evaluator.register_fn_override(name, move |_: &[JValue]| Ok(JValue::from(iso(host.now)))),
        "parse" => evaluator.register_fn(name, parse),
        "partition" => evaluator.register_fn(name, partition),
        "random" => evaluator.register_fn_override(name, move |given: &[JValue]| random(&host, given)),
        "range" => evaluator.register_fn(name, range),
        "uuid" => evaluator.register_fn(name, move |_: &[JValue]| Ok(JValue::from(host.random.borrow_mut().uuid()))),
        _ => Ok(()),
    }
}

fn text<'a>(function: &str, given: &'a [JValue], index: usize) -> Result<&'a str, EvaluatorError> {
    given.get(index).and_then(JValue::as_str).ok_or_else(|| refuse(function, "an argument is no string"))
}

/// A whole number: others are rounded down.
fn whole(function: &str, given: &[JValue], index: usize) -> Result<f64, EvaluatorError> {
    let number =
        given.get(index).and_then(JValue::as_f64).ok_or_else(|| refuse(function, "an argument is no number"))?;
    Ok(number.floor())
}

fn parse(given: &[JValue]) -> Answer {
    JValue::from_json_str(text("parse", given, 0)?).map_err(|error| refuse("parse", &error.to_string()))
}

fn hash(given: &[JValue]) -> Answer {
    let source = text("hash", given, 0)?;
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |text, byte| text + HEX[usize::from(byte >> 4)] + HEX[usize::from(byte & 15)])
    };
    Ok(JValue::from(match text("hash", given, 1)? {
        "SHA-256" => hex(&Sha256::digest(source)),
        "SHA-384" => hex(&Sha384::digest(source)),
        "SHA-512" => hex(&Sha512::digest(source)),
        other => return Err(refuse("hash", &format!("the algorithm {other} is not known"))),
    }))
}

fn random(host: &Host, given: &[JValue]) -> Answer {
    Ok(JValue::Number(match given.first() {
        None => host.random.borrow_mut().unit(),
        // The same number for the same seed is all that is promised.
        Some(_) => Random::new(whole("random", given, 0)?.to_bits()).unit(),
    }))
}

fn partition(given: &[JValue]) -> Answer {
    let items = given.first().and_then(JValue::as_array).ok_or_else(|| refuse("partition", "no array to partition"))?;
    let size = whole("partition", given, 1)?;
    if size < 1.0 {
        return Err(refuse("partition", "the chunk size is not positive"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and whole")]
    Ok(JValue::array(items.chunks(size as usize).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

fn range(given: &[JValue]) -> Answer {
    let (first, last, delta) = (whole("range", given, 0)?, whole("range", given, 1)?, whole("range", given, 2)?);
    if delta == 0.0 {
        return Err(refuse("range", "the delta is zero"));
    }
    let mut items = Vec::new();
    let mut next = first;
    while if delta > 0.0 { next <= last } else { next >= last } {
        if items.len() == RANGE {
            return Err(refuse("range", "more than 1,000 elements"));
        }
        items.push(JValue::Number(next));
        next += delta;
    }
    Ok(JValue::array(items))
}
