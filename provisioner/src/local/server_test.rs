use super::*;
use std::process::Command;

/// A record whose process is `sleep`, under a command line that looks like the launcher's or not.
fn with_sleeper(aws: &LocalAws, like_ours: bool) -> (Child, Record) {
    let port = usable_port(None).unwrap();
    let script = aws.files_dir().join(files::LAUNCHER);
    let mut command = Command::new("sh");
    // The arguments after the script are ignored by it, and seen in the command line.
    command.args(["-c", "read line"]).stdin(Stdio::piped());
    if like_ours {
        command.arg(script).args(["--port", &port.to_string()]);
    }
    let child = command.spawn().unwrap();
    // Until exec is through, the child has its parent's command line or none.
    while process::command_line(child.id()).is_none_or(|line| !line.contains("read line")) {
        sleep(Duration::from_millis(1));
    }
    let record = Record::new(child.id(), port, files::digest());
    fs::create_dir_all(&aws.state_dir).unwrap();
    record.write(&aws.record_path()).unwrap();
    (child, record)
}

#[test]
fn nothing_was_ever_started() {
    let folder = tempfile::tempdir().unwrap();
    let aws = LocalAws::new(folder.path().join("target/healstack"));
    assert_eq!(aws.status().unwrap(), None);
    assert_eq!(aws.stop().unwrap(), None);
    assert!(!aws.state_dir.exists());
    assert!(matches!(aws.verify(&VerifyOptions::default()), Err(LocalError::NotRunning)));
}

#[test]
fn record_of_a_process_that_is_something_else_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let aws = LocalAws::new(folder.path());
    let (mut child, _record) = with_sleeper(&aws, false);
    assert_eq!(aws.status().unwrap(), None);
    assert_eq!(aws.stop().unwrap(), None);
    assert!(!aws.record_path().exists(), "the stale record is gone");
    assert!(child.try_wait().unwrap().is_none(), "the stranger lives");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn server_that_does_not_answer_is_reported_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let aws = LocalAws::new(folder.path());
    let (mut child, record) = with_sleeper(&aws, true);
    fs::write(aws.log_path(), "first\nlast words\n").unwrap();
    let error = aws.status().unwrap_err().to_string();
    assert!(error.contains("does not answer") && error.ends_with("last words"), "{error}");
    assert_eq!(aws.stop().unwrap(), Some(Stopped { pid: record.pid, port: record.port }));
    child.wait().unwrap();
    assert!(!aws.record_path().exists());
}

#[test]
fn server_that_ends_while_it_starts_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let aws = LocalAws::new(folder.path());
    // `false` for an interpreter: it is there, and ends at once.
    let venv = Venv::complete_for_tests(&folder.path().join("venv-ministack"), files::REQUIREMENTS, "/bin/false");
    let error = aws.start(None, &mut |_| ()).unwrap_err();
    assert!(matches!(error, LocalError::Ended { .. }), "{error} {venv:?}");
    assert!(!aws.record_path().exists());
}

#[test]
fn server_is_recorded_before_it_answers() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let aws = LocalAws::new(folder.path());
    let silent = folder.path().join("silent");
    fs::write(&silent, "#!/bin/sh\nwhile :; do sleep 0.05; done\n").unwrap();
    fs::set_permissions(&silent, fs::Permissions::from_mode(0o755)).unwrap();
    Venv::complete_for_tests(&folder.path().join("venv-ministack"), files::REQUIREMENTS, silent.to_str().unwrap());
    let starting = std::thread::spawn({
        let aws = aws.clone();
        move || aws.start(None, &mut |_| ()).map_err(|error| error.to_string())
    });
    // Ctrl-C now would leave a server that the next command must find.
    let (record, answers) = loop {
        if let Ok(Some(found)) = aws.find() {
            break found;
        }
        assert!(!starting.is_finished(), "it ended without a record");
        sleep(Duration::from_millis(5));
    };
    assert!(!answers);
    process::terminate(record.pid).unwrap();
    assert!(starting.join().unwrap().unwrap_err().contains("ended at once"));
    assert!(!aws.record_path().exists());
}

#[test]
fn port_that_is_taken() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = usable_port(Some(port)).unwrap_err();
    assert_eq!(error.to_string(), format!("port {port} of 127.0.0.1 cannot be used"));
    drop(taken);
    assert_eq!(usable_port(Some(port)).unwrap(), port);
}

#[test]
fn tail_of_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert_eq!(last_lines(&path, 2), "");
    fs::write(&path, "a\nb\nc\n").unwrap();
    assert_eq!(last_lines(&path, 2), "b\nc");
}
