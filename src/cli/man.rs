//! `man` and `completions`: made from the arguments themselves, so that they know every flag there is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::setup;
use super::stop::Stop;

/// What the arguments do not know of.
const SECTIONS: &str = include_str!("manual.roff");

/// Prints the manual page in roff.
pub(super) fn print_page(command: &Command) -> Result<ExitCode, Stop> {
    let mut page = Vec::new();
    write_page(command, &mut page).map_err(Stop::failed)?;
    setup::print(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the completions for `shell`.
pub(super) fn print_completions(mut command: Command, shell: Shell) -> Result<ExitCode, Stop> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    // clap_complete 4.6 calls the commands of a program with a hyphen in its name one thing where it tells them apart
    // and another where it completes them, so that bash would complete nothing behind a command.
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    setup::print(&String::from_utf8_lossy(&script).replace(&wrong, &right))?;
    Ok(ExitCode::SUCCESS)
}

fn write_page(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let (name, version) = (command.get_name(), command.get_version().unwrap_or_default());
    writeln!(page, ".TH {} 1 \"\" \"{name} {version}\" \"User Commands\"", name.to_uppercase())?;
    let main = Man::new(concise(command.clone()));
    main.render_name_section(page)?;
    main.render_synopsis_section(page)?;
    main.render_description_section(page)?;
    main.render_options_section(page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_command(subcommand.clone(), page)?;
    }
    page.extend_from_slice(SECTIONS.as_bytes());
    Ok(())
}

fn write_command(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // Flags of every command stand above, and so do those of `serve`.
    let is_new = |argument: &clap::Arg| name != "serve" && !argument.is_global_set();
    let own = command.mut_args(|argument| if is_new(&argument) { argument } else { argument.hide(true) });
    let man = Man::new(concise(own).disable_help_flag(true));
    page.extend_from_slice(format!(".SS {name}\n").as_bytes());
    page.extend_from_slice(&body(|section| man.render_description_section(section))?);
    page.extend_from_slice(&body(|section| man.render_options_section(section))?);
    Ok(())
}

/// With the words that an argument takes in a line instead of a list.
fn concise(command: Command) -> Command {
    command.mut_args(|argument| {
        let words: Vec<_> = argument.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
        let takes_words = !words.is_empty() && argument.get_action().takes_values();
        match argument.get_help().map(ToString::to_string) {
            Some(help) if takes_words => {
                argument.help(format!("{help}: {}", words.join(", "))).hide_possible_values(true)
            }
            _ => argument,
        }
    })
}

/// A section without its heading, which would end the one that it is to stand in.
fn body(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    render(&mut section)?;
    let lines = section.split_inclusive(|byte| *byte == b'\n');
    Ok(lines.filter(|line| !line.starts_with(b".SH ")).flatten().copied().collect())
}
