//! A resource's canonical key: one spelling, whatever it came from.

use std::fmt;

/// `<service>:<type>/<value>[/<value>…]`: `ec2:instance/i-0abc`, `ecs:service/prod/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey(String);

/// A text that is not a resource's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a resource's key")]
pub struct ResourceKeyError {
    /// The text.
    pub text: String,
}

impl ResourceKeyError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        let id = if self.text.is_empty() { "i-0abc" } else { &self.text };
        // What begins so can only be an instance.
        if id.starts_with("i-") {
            return format!("write service, type and id: `ec2:instance/{id}`");
        }
        "write service, type and id, for instance `ec2:instance/i-0abc`, `ecs:service/prod/web` or `rds:db/orders`"
            .to_owned()
    }
}

impl ResourceKey {
    /// Parses a key, or an ARN: its service, and its resource part with the first `:` as `/`.
    pub fn parse(text: &str) -> Result<Self, ResourceKeyError> {
        let error = || ResourceKeyError { text: text.to_owned() };
        let key = if text.starts_with("arn:") { of_arn(text).ok_or_else(error)? } else { text.to_owned() };
        let (service, rest) = key.split_once(':').ok_or_else(error)?;
        let (kind, id) = rest.split_once('/').ok_or_else(error)?;
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let is_id = !id.is_empty() && !id.chars().any(|c| c.is_whitespace() || c.is_control());
        if is_word(service) && is_word(kind) && is_id { Ok(Self(key)) } else { Err(error()) }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `arn:<partition>:<service>:<region>:<account>:<resource>`.
fn of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    let resource = parts.nth(2)?;
    Some(format!("{service}:{}", resource.replacen(':', "/", 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arn_and_a_key_are_one_spelling() {
        for (text, key) in [
            ("ec2:instance/i-0abc", "ec2:instance/i-0abc"),
            ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc", "ec2:instance/i-0abc"),
            ("arn:aws:ecs:eu-west-1:111122223333:service/prod/web", "ecs:service/prod/web"),
            ("arn:aws-cn:rds:cn-north-1:111122223333:db:orders", "rds:db/orders"),
        ] {
            assert_eq!(ResourceKey::parse(text).unwrap().as_str(), key);
        }
    }

    #[test]
    fn an_id_alone_is_refused_with_the_key_that_it_may_be() {
        let help = |text: &str| ResourceKey::parse(text).unwrap_err().help();
        assert!(help("i-0abc").contains("ec2:instance/i-0abc"));
        for text in ["prod/web", "orders", "", "ec2:instance/", ":/x", "ec2:a b/c", "arn:aws:s3", "ec2:instance/a b"] {
            assert!(help(text).contains("for instance") || help(text).contains("i-0abc"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_parses_to_itself(text in "[a-z0-9]{1,4}:[a-z-]{1,6}/[a-zA-Z0-9/_.-]{1,12}") {
            prop_assert_eq!(ResourceKey::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = ResourceKey::parse(&text).map_err(|error| error.help());
        }
    }
}
