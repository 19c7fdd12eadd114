//! What an expression's text says about the names in it. A name too many costs a lookup, so texts inside quotes may
//! count.

/// Adds every name that follows a `$`: variables and functions alike.
pub(super) fn collect(text: &str, used: &mut Vec<String>) {
    for part in text.split('$').skip(1) {
        let name: String = part.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        if !name.is_empty() && !used.contains(&name) {
            used.push(name);
        }
    }
}

/// What the rehearsal cannot evaluate as Step Functions does.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.contains("$eval") {
        return Err("`$eval`, which Step Functions leaves out".to_owned());
    }
    if text.split("$now(").skip(1).any(|rest| !rest.trim_start().starts_with(')')) {
        return Err("`$now` with a picture".to_owned());
    }
    if text.contains("$hash") && (text.contains("'MD5'") || text.contains("'SHA-1'")) {
        return Err("`$hash` by MD5 or SHA-1".to_owned());
    }
    if text.contains("context.Task") {
        return Err("the task token of the context object".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_a_dollar_once() {
        let mut used = Vec::new();
        collect("($x := $states.input.y; $x & $f_1($$.z) & $.a)", &mut used);
        assert_eq!(used, ["x", "states", "f_1"]);
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for text in ["$eval('1')", "$now('[Y]')", "$hash('x', 'MD5')", "$states.context.Task.Token"] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check("$now() & $hash('x', 'SHA-256')").is_ok());
    }
}
