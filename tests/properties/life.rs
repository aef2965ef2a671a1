//! The token's life, back-off and schedule through the real scheduler and engine.

use proptest::prelude::*;

use super::cases;
use super::record::{Entry, Record};
use super::rules::judge;
use super::stage::play;
use super::story::{Event, Story, stories};

fn lived(story: &Story) -> Result<Record, TestCaseError> {
    let record = play(story);
    match judge(story, &record) {
        Ok(()) => Ok(record),
        Err((number, rule)) => {
            let number = number.min(record.entries.len() - 1);
            let told = record.told_up_to(number);
            Err(TestCaseError::fail(format!("{rule}\n\n{:#?}\n\n{told}  ↑ {rule}\n", story)))
        }
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn whatever_happens_every_rule_of_the_tokens_life_holds(story in stories()) {
        lived(&story)?;
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Expiry, back-off and schedule are kept on a clock that nobody sets.
    #[test]
    fn setting_the_wall_clock_changes_nothing_but_what_is_shown(mut story in stories()) {
        let disturbed = requests(&lived(&story)?);
        for spell in &mut story.spells {
            spell.then = spell.then.filter(|event| !matches!(event, Event::SetWallClock(_)));
        }
        prop_assert_eq!(disturbed, requests(&lived(&story)?));
    }
}

/// Every request and verdict, with its time.
fn requests(record: &Record) -> Vec<String> {
    let entries = record.entries.iter().filter(|(_, entry)| !matches!(entry, Entry::Happened(_)));
    entries.map(|(at, entry)| format!("{at:?} {entry}")).collect()
}
