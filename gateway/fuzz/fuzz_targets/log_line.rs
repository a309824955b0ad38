#![no_main]
//! Lines of a log, with the names `s` and `t` in the site map.
use gateway::counts::Counts;
use gateway::log::{Defaults, Line, Lines, Parser};
use gateway::names::Names;
use libfuzzer_sys::fuzz_target;
use visit_core::site::{SensorIx, TillIx};

fuzz_target!(|data: &[u8]| {
    let names = Names {
        sensors: [("s".to_owned(), SensorIx(0))].into(),
        tills: [("t".to_owned(), (TillIx(0), "store".to_owned()))].into(),
        ..Names::default()
    };
    let mut parser = Parser::new(Defaults::default());
    let mut lines = Lines::new(data);
    while let Ok(Some(line)) = lines.next() {
        if let Line::Text(text) = line
            && let Err(e) = parser.parse(text, &names, &mut Counts::default())
        {
            assert!(e.to_string().len() < 1024);
        }
    }
});
