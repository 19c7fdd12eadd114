//! Paths of names and indexes into an answer: `$.Reservations[0].Instances[0].State.Name`, `$.Tags['aws:x']`.

use serde_json::Value;

/// What a path leads to; `None` where it leads nowhere. The error says what of the path is not understood.
pub(crate) fn select<'a>(value: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let mut rest = path.strip_prefix('$').ok_or_else(|| format!("the path `{path}`: it must begin with $"))?;
    let mut found = Some(value);
    while !rest.is_empty() {
        let unknown = || format!("`{rest}` of the path `{path}`");
        if let Some(named) = rest.strip_prefix('.') {
            let end = named.find(['.', '[']).unwrap_or(named.len());
            if end == 0 {
                return Err(unknown());
            }
            found = found.and_then(|found| found.get(&named[..end]));
            rest = &named[end..];
        } else if let Some(quoted) = rest.strip_prefix("['") {
            let end = quoted.find("']").ok_or_else(unknown)?;
            found = found.and_then(|found| found.get(&quoted[..end]));
            rest = &quoted[end + 2..];
        } else if let Some(index) = rest.strip_prefix('[') {
            let end = index.find(']').ok_or_else(unknown)?;
            let number: usize = index[..end].parse().map_err(|_| unknown())?;
            found = found.and_then(|found| found.get(number));
            rest = &index[end + 1..];
        } else {
            return Err(unknown());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::select;
    use serde_json::json;

    #[test]
    fn names_and_indexes() {
        let value = json!({"a": [{"b": {"c:d": 1}}]});
        assert_eq!(select(&value, "$.a[0].b['c:d']"), Ok(Some(&json!(1))));
        assert_eq!(select(&value, "$.a[1].b"), Ok(None));
        for path in ["a", "$..a", "$.a[*]", "$.a[0"] {
            assert!(select(&value, path).is_err(), "{path}");
        }
    }
}
