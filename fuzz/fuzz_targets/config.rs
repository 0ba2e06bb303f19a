//! Configuration texts: reading never panics, what was read says the same when it is printed and read again,
//! and what is told of the difference of two texts makes one into the other.
#![no_main]

use bifrons_config::{Document, diff, parse, parse_lenient};
use bifrons_model::Generation;
use bifrons_policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(document) = Document::parse(&text, "fuzz") {
        let printed = document.to_set();
        let again = Document::parse(&printed, "printed").map(|document| document.to_set());
        assert_eq!(again.as_ref(), Ok(&printed), "{text}");
        assert_eq!(parse(&printed, "fuzz").ok(), parse(&text, "fuzz").ok(), "{printed}");
    }
    match parse(&text, "fuzz") {
        Ok(config) => drop(Policy::compile(&config, Generation(1))),
        Err(errors) => errors.iter().for_each(|error| assert!(!error.to_string().is_empty())),
    }
    if let Ok((document, _)) = Document::parse_lenient(&text, "fuzz") {
        let printed = document.to_set();
        let configs = [&printed, &*text].map(|text| parse_lenient(text, "fuzz").map(|read| read.config).ok());
        assert_eq!(configs[0], configs[1], "{printed}");
    }
    let (one, other) = text.split_once('\0').unwrap_or((&*text, ""));
    if let (Ok(mut one), Ok(other)) = (Document::parse(one, "one"), Document::parse(other, "other")) {
        let changes = diff(&one, &other).to_set();
        assert!(one.load_merge(&changes, "changes").is_ok(), "{changes}");
        assert!(diff(&one, &other).is_empty(), "{changes}");
    }
});
