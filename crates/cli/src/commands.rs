//! x
use crate::args::*;
use std::process::ExitCode;
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Model(ModelCommand::Pack(pack)) => {
            let report = clinqa_encoder::pack(&clinqa_encoder::Source::Folder(pack.source), &pack.target)?;
            println!("{report:?}");
            let e = clinqa_encoder::Encoder::open(&clinqa_encoder::Source::Folder(pack.target))?;
            let v = e.encode_one("What is asthma?")?;
            println!("{:?}", &v.as_slice()[..5]);
        }
    }
    Ok(ExitCode::SUCCESS)
}
