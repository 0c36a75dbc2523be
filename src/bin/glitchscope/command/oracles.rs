//! `glitchscope oracles`

use clap::Args;
use glitchscope::glitch::ORACLES;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::oracle_args::OracleArgs;
use super::terminal::{Terminal, print, visible};

#[derive(Args)]
pub struct Oracles {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    oracle: OracleArgs,
}

pub fn oracles(args: &Oracles) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    let session = open(&args.model, &mut monitor)?;
    monitor.finish();
    let wanted: Vec<&str> = match &args.oracle.oracle[..] {
        [] => ORACLES.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    let known = session.oracles(&wanted, &args.oracle.options())?;
    if args.model.json {
        let json: Vec<serde_json::Value> = wanted
            .iter()
            .zip(&known)
            .map(|(id, oracle)| match oracle {
                Ok(oracle) => serde_json::to_value(oracle).expect("OK because plain data serialises"),
                Err(error) => serde_json::json!({ "id": id, "error": error.to_string() }),
            })
            .collect();
        print(&serde_json::Value::from(json).to_string())?;
        return Ok(0);
    }
    let mut out = String::new();
    for (id, oracle) in wanted.iter().zip(known) {
        let oracle = match oracle {
            Ok(oracle) => oracle,
            Err(error) => {
                out += &format!("{id}\n  cannot be asked of this model: {error}\n\n");
                continue;
            }
        };
        out += &format!("{}\n  {}; {}\n  value: {}\n", oracle.id, oracle.title, oracle.source, oracle.value);
        for rule in &oracle.rules {
            out += &format!("  {rule}\n");
        }
        for prompt in &oracle.prompts {
            let ids: usize = prompt.ids.iter().map(|piece| piece.len() + 1).sum::<usize>() - 1;
            out += &format!(
                "  {} ({}, {} occurrences of the token, {ids} ids, up to {} new tokens, {}):\n    {}\n",
                prompt.name,
                prompt.form,
                prompt.text.len() - 1,
                prompt.max_new_tokens,
                prompt.decoding,
                visible(&prompt.text.join("⟨token⟩"), 2000)
            );
        }
        out += "\n";
    }
    print(&out)?;
    Ok(0)
}
