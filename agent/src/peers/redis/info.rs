//! The answer to `INFO`.

/// The answer to `INFO`: lines of `name:value` in sections. Kept as it came; a look-up walks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info(String);

/// What `INFO` says of one database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keyspace {
    /// Its keys.
    pub keys: u64,
    /// Those of them that expire.
    pub expires: u64,
    /// How long they live on average, in milliseconds; 0 is unknown.
    pub avg_ttl: u64,
}

impl Info {
    /// Takes the text of an answer.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
    }

    /// A field that is a whole number; `None` where it is absent or something else.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.get(field)?.parse().ok()
    }

    /// `keyspace_hits` and `keyspace_misses`, counted since the start of Redis or `CONFIG RESETSTAT`.
    #[must_use]
    pub fn hits_and_misses(&self) -> Option<(u64, u64)> {
        Some((self.number("keyspace_hits")?, self.number("keyspace_misses")?))
    }

    /// What is in a database; one that is not listed is empty.
    #[must_use]
    pub fn keyspace(&self, database: u16) -> Keyspace {
        let mut keyspace = Keyspace::default();
        let line = self.get(&format!("db{database}")).unwrap_or_default();
        for (name, value) in line.split(',').filter_map(|pair| pair.split_once('=')) {
            let Ok(value) = value.parse() else { continue };
            match name {
                "keys" => keyspace.keys = value,
                "expires" => keyspace.expires = value,
                "avg_ttl" => keyspace.avg_ttl = value,
                _ => {}
            }
        }
        keyspace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_keyspaces() {
        let text = "# Server\r\nredis_version:7.0.15\r\n\r\n# Stats\r\nkeyspace_hits:12\r\nkeyspace_misses:3\r\n\
                    # Memory\r\nused_memory:1024\r\nused_memory_human:1.00K\r\n\
                    # Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=900,subexpiry=0\r\ndb10:keys=7,expires=0,avg_ttl=0\r\n";
        let info = Info::new(text.to_owned());
        assert_eq!(info.get("redis_version"), Some("7.0.15"));
        assert_eq!(info.number("used_memory"), Some(1024));
        assert_eq!(info.number("used_memory_human"), None);
        assert_eq!(info.number("used"), None);
        assert_eq!(info.hits_and_misses(), Some((12, 3)));
        assert_eq!(info.keyspace(0), Keyspace { keys: 5, expires: 2, avg_ttl: 900 });
        assert_eq!(info.keyspace(1), Keyspace::default());
        assert_eq!(info.keyspace(10).keys, 7);
    }
}
