//! What can be said of a model that teaches, for every task that one can be taught?

use clap::{ArgGroup, Args as ClapArgs};
use clinqa_train::task::distil::Lessons;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Distillation", group(ArgGroup::new("taught").multiple(true)))]
pub(crate) struct TaughtArgs {
    /// Learn from this larger model of the same task too [default, with --layers: the one of --from]
    #[arg(long, value_name = "MODEL", group = "taught")]
    pub(crate) taught_by: Option<String>,
    /// Begin with N layers of the model of --from, evenly chosen, and learn from the whole
    #[arg(long, value_name = "N", group = "taught")]
    pub(crate) layers: Option<usize>,
    /// What logits are divided by before they are compared
    #[arg(long, value_name = "NUMBER", default_value_t = Lessons::default().temperature, requires = "taught")]
    pub(crate) soft_temperature: f64,
    /// Weight of the teacher's answers
    #[arg(long, value_name = "WEIGHT", default_value_t = Lessons::default().soft, requires = "taught")]
    pub(crate) soft_weight: f64,
    /// Weight of the data's own answers
    #[arg(long, value_name = "WEIGHT", default_value_t = Lessons::default().hard, requires = "taught")]
    pub(crate) hard_weight: f64,
    /// Weight of the hidden states
    #[arg(long, value_name = "WEIGHT", default_value_t = Lessons::default().hidden, requires = "taught")]
    pub(crate) hidden_weight: f64,
    /// Weight of the relations among queries, keys and values of the last layer
    #[arg(long, value_name = "WEIGHT", default_value_t = Lessons::default().relations, requires = "taught")]
    pub(crate) relations_weight: f64,
}

impl TaughtArgs {
    pub(crate) fn lessons(&self) -> Lessons {
        Lessons {
            temperature: self.soft_temperature,
            soft: self.soft_weight,
            hard: self.hard_weight,
            hidden: self.hidden_weight,
            relations: self.relations_weight,
        }
    }
}
