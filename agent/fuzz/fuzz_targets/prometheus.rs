//! A page of metrics, cut where its first byte says.
#![no_main]

use healstack_agent::peers::prometheus::{LabelMatch, Line, Page, Selector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, page)) = data.split_first() else { return };
    let selectors = [Selector::metric("up").label("a", LabelMatch::IsNot("b".into()))];
    let read = |size: usize| {
        let mut reader = Page::new(&selectors);
        for chunk in page.chunks(size) {
            reader.push(chunk)?;
        }
        reader.finish()
    };
    let (whole, parts) = (read(usize::MAX), read(usize::from(cut).max(1)));
    assert_eq!(whole.is_ok(), parts.is_ok());
    if let (Ok(whole), Ok(parts)) = (whole, parts) {
        assert_eq!(whole[0].count, parts[0].count);
    }
    for line in page.split(|&byte| byte == b'\n') {
        if let Ok(Line::Sample(sample)) = Line::parse(line) {
            assert!(!sample.metric.is_empty());
            sample.labels.iter().for_each(|(name, _)| assert!(sample.labels.get(&name).len() <= line.len()));
        }
    }
});
