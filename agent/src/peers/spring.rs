//! Spring Boot's actuator: health, and the circuit breakers of resilience4j.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::http::{HttpClient, HttpError};

/// What `/actuator/health` says in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// `UP`.
    Up,
    /// `DOWN`, `OUT_OF_SERVICE`, `UNKNOWN` or a status of the application's own.
    Other(String),
}

/// A circuit breaker's state (resilience4j, `CircuitBreaker.State`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BreakerState {
    /// Calls go through and are counted.
    Closed,
    /// Calls are refused for a while.
    Open,
    /// A few calls go through to see whether the dependency is back.
    HalfOpen,
    /// Calls go through and nothing is counted.
    Disabled,
    /// Calls are refused until somebody says otherwise.
    ForcedOpen,
    /// Calls go through, are counted, and nothing follows from it.
    MetricsOnly,
}

/// A circuit breaker as `/actuator/circuitbreakers` shows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Its state.
    pub state: BreakerState,
    /// Calls in its window.
    #[serde(default)]
    pub buffered_calls: u64,
    /// Those of them that failed.
    #[serde(default)]
    pub failed_calls: u64,
    /// Calls that it refused since it opened.
    #[serde(default)]
    pub not_permitted_calls: u64,
    /// The failures in percent, like `50.0%`; -1 before there were enough calls.
    failure_rate: Option<String>,
}

impl Breaker {
    /// The failures in percent; `None` before there were enough calls to say.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        let rate = self.failure_rate.as_deref()?.trim_end_matches('%').parse().ok()?;
        (0.0..=100.0).contains(&rate).then_some(rate)
    }
}

/// What a breaker can be told (resilience4j's actuator endpoint, `UpdateState`). It knows no "half open": a breaker that is
/// forced open and closed again begins with an empty window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerCommand {
    /// Back to work.
    Close,
    /// Refuse all calls until told otherwise.
    ForceOpen,
}

/// An actuator, below a base path.
#[derive(Debug, Clone)]
pub struct Actuator {
    client: HttpClient,
    base: String,
}

#[derive(Deserialize)]
struct HealthBody {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BreakersBody {
    circuit_breakers: BTreeMap<String, Breaker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    current_state: BreakerState,
}

impl Actuator {
    /// An actuator at `base`, usually `/actuator`.
    #[must_use]
    pub fn new(client: HttpClient, base: &str) -> Self {
        Self { client, base: base.trim_end_matches('/').to_owned() }
    }

    /// `health`. Spring answers 503 with the same body where it is not up.
    pub async fn health(&self) -> Result<Health, HttpError> {
        let response = self.client.get(&format!("{}/health", self.base)).await?;
        if !matches!(response.status, 200 | 503) {
            return Err(HttpError::Status(response.status));
        }
        parse_health(&response.body)
    }

    /// `circuitbreakers`, by their names.
    pub async fn breakers(&self) -> Result<BTreeMap<String, Breaker>, HttpError> {
        let body = self.client.get(&format!("{}/circuitbreakers", self.base)).await?.into_success()?;
        parse_breakers(&body)
    }

    /// Tells a breaker what to do; gives its state after that.
    pub async fn set_breaker(&self, name: &str, command: BreakerCommand) -> Result<BreakerState, HttpError> {
        let command = match command {
            BreakerCommand::Close => "CLOSE",
            BreakerCommand::ForceOpen => "FORCE_OPEN",
        };
        let body = serde_json::json!({ "updateState": command }).to_string().into_bytes();
        let path = format!("{}/circuitbreakers/{}", self.base, escape(name));
        let body = self.client.post(&path, Some(("application/json", body))).await?.into_success()?;
        let body: UpdateBody = serde_json::from_slice(&body).map_err(|_| HttpError::Body("a breaker's new state"))?;
        Ok(body.current_state)
    }
}

/// Reads the body of `health`.
pub fn parse_health(body: &[u8]) -> Result<Health, HttpError> {
    let body: HealthBody = serde_json::from_slice(body).map_err(|_| HttpError::Body("a health status"))?;
    Ok(if body.status == "UP" { Health::Up } else { Health::Other(body.status) })
}

/// Reads the body of `circuitbreakers`.
pub fn parse_breakers(body: &[u8]) -> Result<BTreeMap<String, Breaker>, HttpError> {
    let body: BreakersBody = serde_json::from_slice(body).map_err(|_| HttpError::Body("circuit breakers"))?;
    Ok(body.circuit_breakers)
}

/// A segment of a path (RFC 3986): everything but unreserved characters is escaped.
pub(super) fn escape(segment: &str) -> String {
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(["%", &format!("{byte:02X}")]);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_in_all() {
        assert_eq!(parse_health(br#"{"status":"UP","components":{"db":{"status":"UP"}}}"#).unwrap(), Health::Up);
        let down = parse_health(br#"{"status":"OUT_OF_SERVICE"}"#).unwrap();
        assert_eq!(down, Health::Other("OUT_OF_SERVICE".to_owned()));
        assert!(matches!(parse_health(b"<html>"), Err(HttpError::Body(_))));
    }

    #[test]
    fn breakers_by_name() {
        let body = br#"{"circuitBreakers":{"pay":{"failureRate":"-1.0%","slowCallRate":"-1.0%",
            "failureRateThreshold":"50.0%","bufferedCalls":2,"failedCalls":1,"notPermittedCalls":0,"state":"CLOSED"},
            "stock":{"failureRate":"75.5%","bufferedCalls":8,"failedCalls":6,"notPermittedCalls":40,"state":"HALF_OPEN"}}}"#;
        let breakers = parse_breakers(body).unwrap();
        assert_eq!((breakers["pay"].state, breakers["pay"].failure_rate()), (BreakerState::Closed, None));
        assert_eq!((breakers["stock"].state, breakers["stock"].failure_rate()), (BreakerState::HalfOpen, Some(75.5)));
        assert_eq!(breakers["stock"].not_permitted_calls, 40);
        assert!(matches!(parse_breakers(br#"{"circuitBreakers":{"a":{"state":"AJAR"}}}"#), Err(HttpError::Body(_))));
    }

    #[test]
    fn a_name_stays_a_segment() {
        assert_eq!(escape("a/../b c?"), "a%2F..%2Fb%20c%3F");
    }
}
