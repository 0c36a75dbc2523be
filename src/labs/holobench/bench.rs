//! A database with its templates and questions: what contexts are made from.

use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::HoloError;
use super::context::{
    self, Amount, Candidates, Context, ContextOptions, ContextRequest, Instance, Material, Measure, Placement,
};
use super::database::{Database, DatabaseInfo};
use super::gold::{Engine, Gold, MAX_GOLD_ROWS};
use super::questions::{self, Question, QuestionSet, QuestionSource};
use super::sha256_hex;
use super::sql::{self, Checked};
use super::verbalise::{Template, TemplateInfo};
use super::{ingest, synthetic};

/// Instances of a grid at most: more than a person can look at, and a page can hold.
pub const MAX_INSTANCES: usize = 20_000;

/// What is varied. Every combination is an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GridSettings {
    pub questions: Vec<String>,
    /// Tokens of the context, at most.
    pub lengths: Vec<u32>,
    pub amounts: Vec<Amount>,
    pub placements: Vec<Placement>,
    #[serde(default)]
    pub options: ContextOptions,
}

/// A question with SQL, looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct QuestionCheck {
    pub question: Option<Question>,
    pub problem: Option<String>,
    pub hint: Option<String>,
    /// The answer over the whole database.
    pub preview: Option<Gold>,
    /// Things that make the question weak: an empty answer, more than 50 rows, ties.
    pub warnings: Vec<String>,
}

/// A database with its templates and questions.
pub struct Bench {
    pub database: Database,
    templates: Vec<Template>,
    pub questions: Vec<Question>,
    /// SHA-256 of the tables alone, which are hashed once.
    tables: sha2::Sha256,
}

impl Bench {
    /// Every table with the template that its schema gives.
    ///
    /// Errors   `Template` never for the schema's own text; a table whose rows it cannot tell apart says so in `templates`
    pub fn new(database: Database) -> Result<Bench, HoloError> {
        let templates = database.tables.iter().map(|table| {
            let refused = |problem| HoloError::Template { table: table.name.clone(), problem };
            Template::parse(&Template::default_text(table), &table.columns).map_err(refused)
        });
        let templates = templates.collect::<Result<Vec<Template>, HoloError>>()?;
        let tables = database.hash();
        Ok(Bench { database, templates, questions: Vec::new(), tables })
    }

    pub fn synthetic(seed: u32) -> Result<Bench, HoloError> {
        Bench::new(synthetic::synthetic(u64::from(seed)))
    }

    pub fn sqlite(name: &str, bytes: &[u8]) -> Result<Bench, HoloError> {
        Bench::new(ingest::sqlite(name, bytes)?)
    }

    pub fn csv(files: &[(String, Vec<u8>)]) -> Result<Bench, HoloError> {
        Bench::new(ingest::csv(files)?)
    }

    /// SHA-256 over tables, columns, values and templates.
    pub fn sha256(&self) -> String {
        let mut hash = self.tables.clone();
        for template in &self.templates {
            hash.update((template.text.len() as u64).to_le_bytes());
            hash.update(template.text.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            name: self.database.name.clone(),
            sha256: self.sha256(),
            tables: self.database.tables.iter().map(|table| table.info()).collect(),
            keys: self.database.keys.clone(),
            notes: self.database.notes.clone(),
        }
    }

    /// Says whether a foreign key is one.
    pub fn confirm_key(&mut self, index: usize, confirmed: bool) -> Result<(), HoloError> {
        let n = self.database.keys.len();
        match self.database.keys.get_mut(index) {
            Some(key) => key.confirmed = confirmed,
            None => {
                let value = format!("{index} of {n}");
                return Err(HoloError::Option { what: "the foreign key", value, expected: "one that is listed" });
            }
        }
        Ok(())
    }

    fn template_info(&self, place: usize, text: &str) -> TemplateInfo {
        let table = &self.database.tables[place];
        let names =
            |columns: Vec<usize>| columns.into_iter().map(|column| table.columns[column].name.clone()).collect();
        let info = TemplateInfo {
            table: table.name.clone(),
            text: text.into(),
            is_default: text == Template::default_text(table),
            problem: None,
            problem_row: None,
            columns: Vec::new(),
            example: None,
            rows_checked: 0,
        };
        match Template::parse(text, &table.columns) {
            Err(problem) => TemplateInfo { problem: Some(problem), ..info },
            Ok(template) => {
                let columns = names(template.columns());
                let example = table.rows.first().map(|row| template.sentence(row));
                match template.check(table) {
                    Ok(()) => TemplateInfo { columns, example, rows_checked: table.rows.len() as u32, ..info },
                    Err((row, problem)) => TemplateInfo {
                        columns,
                        example,
                        problem: Some(problem),
                        problem_row: Some(row as u32),
                        rows_checked: row as u32,
                        ..info
                    },
                }
            }
        }
    }

    /// Every table's template, with every row read back.
    pub fn templates(&self) -> Vec<TemplateInfo> {
        self.templates.iter().enumerate().map(|(place, template)| self.template_info(place, &template.text)).collect()
    }

    /// Gives a table another template, or the schema's own with `None`. A refused text changes nothing; the answer says why.
    pub fn set_template(&mut self, table: &str, text: Option<&str>) -> Result<TemplateInfo, HoloError> {
        let place = self.database.table(table)?;
        let text = text.map_or_else(|| Template::default_text(&self.database.tables[place]), str::to_owned);
        let info = self.template_info(place, &text);
        if info.problem.is_none()
            && let Ok(template) = Template::parse(&text, &self.database.tables[place].columns)
        {
            self.templates[place] = template;
        }
        Ok(info)
    }

    /// Understands a query and sees that the sentences tell what it asks for.
    pub fn check(&self, sql: &str) -> Result<Checked, HoloError> {
        let checked = sql::check(sql, &self.database)?;
        for (table, column) in &checked.columns {
            if !self.templates[*table].columns().contains(column) {
                let table = &self.database.tables[*table];
                let column = table.columns[*column].name.clone();
                return Err(HoloError::NotVerbalised { table: table.name.clone(), column });
            }
        }
        Ok(checked)
    }

    /// 18 questions, or another number, that replace the generated ones; own ones stay.
    pub fn generate(&mut self, seed: u32, count: usize, check_amount: u32) -> Result<QuestionSet, HoloError> {
        let set = questions::generate(self, seed, count, check_amount)?;
        self.questions.retain(|question| question.source == QuestionSource::Own);
        let own = std::mem::take(&mut self.questions);
        self.questions = set.questions.iter().cloned().chain(own).collect();
        Ok(set)
    }

    /// What a question with this SQL would be, or why it cannot be one.
    pub fn check_question(&self, id: &str, sql: &str, text: &str) -> QuestionCheck {
        let failed = |error: HoloError| QuestionCheck {
            question: None,
            problem: Some(error.to_string()),
            hint: error.hint(),
            preview: None,
            warnings: Vec::new(),
        };
        if text.trim().is_empty() {
            let error = HoloError::Query { reason: "the question is empty".into(), hint: "Write it in words.".into() };
            return failed(error);
        }
        let looked_at = || {
            let checked = self.check(sql)?;
            let engine = Engine::whole(&self.database, &checked.tables)?;
            let (preview, ties) = (engine.gold(&checked)?, engine.ties(&checked)?);
            Ok((checked, preview, ties))
        };
        let (checked, preview, ties) = match looked_at() {
            Ok(looked_at) => looked_at,
            Err(error) => return failed(error),
        };
        let mut warnings = Vec::new();
        if preview.rows.is_empty() {
            warnings.push("over the whole database, the answer is empty".into());
        }
        if let Some(n) = preview.truncated_at {
            warnings.push(format!("over the whole database, the answer has {n} rows; {MAX_GOLD_ROWS} are judged"));
        }
        if ties.at_cut || (ties.inside && checked.ordered) {
            warnings.push("over the whole database, rows tie in the order".into());
        }
        let question =
            Question::new(id, text.trim(), QuestionSource::Own, &checked, &self.database, preview.columns.clone());
        QuestionCheck { question: Some(question), problem: None, hint: None, preview: Some(preview), warnings }
    }

    /// Keeps an own question, in place of the one with its id; only if it has no problem.
    pub fn add_question(&mut self, id: &str, sql: &str, text: &str) -> QuestionCheck {
        let check = self.check_question(id, sql, text);
        if let Some(question) = &check.question {
            match self.questions.iter_mut().find(|known| known.id == id) {
                Some(known) => *known = question.clone(),
                None => self.questions.push(question.clone()),
            }
        }
        check
    }

    /// Words a question otherwise; the SQL stays. A generated one is marked as edited.
    pub fn edit_question(&mut self, id: &str, text: &str) -> Result<Question, HoloError> {
        let question = self.questions.iter_mut().find(|question| question.id == id);
        let question = question.ok_or_else(|| HoloError::UnknownQuestion { id: id.into() })?;
        if question.text != text {
            question.text = text.into();
            if question.source == QuestionSource::Generated {
                question.source = QuestionSource::Edited;
            }
        }
        Ok(question.clone())
    }

    pub fn question(&self, id: &str) -> Result<&Question, HoloError> {
        let question = self.questions.iter().find(|question| question.id == id);
        question.ok_or_else(|| HoloError::UnknownQuestion { id: id.into() })
    }

    /// Every combination of the settings, none of them built. What cannot be built says why.
    pub fn grid(&self, settings: &GridSettings) -> Result<Vec<Instance>, HoloError> {
        let n = [settings.questions.len(), settings.lengths.len(), settings.amounts.len(), settings.placements.len()]
            .iter()
            .try_fold(1usize, |n, more| n.checked_mul(*more))
            .unwrap_or(usize::MAX);
        if n > MAX_INSTANCES {
            let what = "the number of instances".into();
            return Err(HoloError::TooLarge { what, found: n as u64, limit: MAX_INSTANCES as u64 });
        }
        let database = self.sha256();
        let mut instances = Vec::with_capacity(n);
        for id in &settings.questions {
            let question = self.question(id)?;
            let checked = self.check(&question.sql);
            for &length in &settings.lengths {
                for &amount in &settings.amounts {
                    for &placement in &settings.placements {
                        let mut instance = Instance {
                            instance_id: String::new(),
                            question: id.clone(),
                            length,
                            amount,
                            placement,
                            options: settings.options,
                            problem: None,
                        };
                        instance.instance_id = instance_id(&database, question, &instance);
                        let feasible = match &checked {
                            Ok(checked) => context::feasible(&self.material(&checked.tables, None), &instance),
                            Err(error) => Err(error.clone()),
                        };
                        instance.problem = feasible.err().map(|error| error.to_string());
                        instances.push(instance);
                    }
                }
            }
        }
        Ok(instances)
    }

    pub(crate) fn material<'a>(
        &'a self,
        relevant: &'a [usize],
        counted: Option<&'a [context::SentenceTokens]>,
    ) -> Material<'a> {
        Material { database: &self.database, templates: &self.templates, relevant, counted }
    }

    /// Sentences whose tokens have to be counted for an instance with measure `counted`.
    pub fn candidates(&self, instance: &Instance) -> Result<Vec<Candidates>, HoloError> {
        let checked = self.check(&self.question(&instance.question)?.sql)?;
        context::candidates(&self.material(&checked.tables, None), instance)
    }

    /// An instance's context, with its gold answer.
    pub fn context(&self, request: &ContextRequest) -> Result<Context, HoloError> {
        let instance = &request.instance;
        let question = self.question(&instance.question)?;
        let checked = self.check(&question.sql)?;
        let counted = (instance.options.measure == Measure::Counted).then_some(request.counted.as_slice());
        let mut context = context::build(&self.material(&checked.tables, counted), &checked, instance)?;
        // Whoever wrote the instance, its id is that of what was built.
        context.instance.instance_id = instance_id(&self.sha256(), question, instance);
        context.instance.problem = None;
        Ok(context)
    }
}

/// First 16 digits of SHA-256 over the database, the question and every value of the instance.
fn instance_id(database: &str, question: &Question, instance: &Instance) -> String {
    #[derive(Serialize)]
    struct Identity<'a>(&'a str, &'a str, &'a str, u32, Amount, Placement, &'a ContextOptions);
    let Instance { length, amount, placement, options, .. } = instance;
    let identity = Identity(database, &question.sql, &question.text, *length, *amount, *placement, options);
    let text = serde_json::to_string(&identity).unwrap_or_default();
    sha256_hex(text.as_bytes(), 16)
}
