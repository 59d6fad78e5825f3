//! `dockpulse config`: what there is to say of the settings.

use std::io::{self, Write};

use super::Status;
use crate::config::{self, Errors, Known, Loaded};

/// `config check`: a word on `out` if the settings are right, else every error on `err`, one a line.
///
/// # Errors
/// If it cannot be written.
pub fn check(loaded: &Result<Loaded, Errors>, out: &mut impl Write, err: &mut impl Write) -> io::Result<Status> {
    match loaded {
        Ok(loaded) => {
            warn(loaded, err)?;
            let file = loaded.file.as_ref().map(|path| path.to_string_lossy().escape_debug().to_string());
            writeln!(out, "{}: the settings are right", file.as_deref().unwrap_or("no settings file"))?;
            Ok(Status::Done)
        }
        Err(errors) => {
            refuse(errors, err)?;
            Ok(Status::Usage)
        }
    }
}

/// `config print`: the settings that are in effect, for people or as JSON.
///
/// # Errors
/// If it cannot be written.
pub fn print(
    loaded: &Result<Loaded, Errors>,
    json: bool,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Status> {
    match loaded {
        Ok(loaded) => {
            warn(loaded, err)?;
            match json {
                true => writeln!(out, "{:#}", config::print_json(loaded))?,
                false => out.write_all(config::print(loaded).as_bytes())?,
            }
            Ok(Status::Done)
        }
        Err(errors) => {
            refuse(errors, err)?;
            Ok(Status::Usage)
        }
    }
}

/// `config schema`: the JSON Schema.
///
/// # Errors
/// If it cannot be written.
pub fn schema(known: &Known, out: &mut impl Write) -> io::Result<Status> {
    writeln!(out, "{:#}", config::schema(known))?;
    Ok(Status::Done)
}

/// `config default`: the documented file.
///
/// # Errors
/// If it cannot be written.
pub fn default_file(out: &mut impl Write) -> io::Result<Status> {
    out.write_all(config::default_file().as_bytes())?;
    Ok(Status::Done)
}

/// What is odd about the settings, one line each.
///
/// # Errors
/// If it cannot be written.
pub fn warn(loaded: &Loaded, err: &mut impl Write) -> io::Result<()> {
    loaded.warnings.iter().try_for_each(|warning| writeln!(err, "warning: {warning}"))
}

/// What is wrong with the settings, one line each, and how much it is.
///
/// # Errors
/// If it cannot be written.
pub fn refuse(errors: &Errors, err: &mut impl Write) -> io::Result<()> {
    writeln!(err, "{errors}")?;
    match errors.iter().len() {
        1 => writeln!(err, "1 error in the settings"),
        n => writeln!(err, "{n} errors in the settings"),
    }
}
