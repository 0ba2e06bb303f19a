//! Configuration texts: reading never panics, and what was read says the same when it is printed and read
//! again.
#![no_main]

use bifrons_config::{parse, parse_lenient};
use bifrons_model::Generation;
use bifrons_policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    match parse(&text, "fuzz") {
        Ok(config) => {
            let printed = config.to_set();
            assert_eq!(parse(&printed, "printed").as_ref(), Ok(&config), "{printed}");
            let _ = Policy::compile(&config, Generation(1));
        }
        Err(errors) => errors.iter().for_each(|error| assert!(!error.to_string().is_empty())),
    }
    if let Ok(lenient) = parse_lenient(&text, "fuzz") {
        let printed = lenient.config.to_set();
        assert_eq!(parse(&printed, "printed").as_ref(), Ok(&lenient.config), "{printed}");
    }
});
