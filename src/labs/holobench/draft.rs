//! A query of the generator's grammar, as SQL and as a question in words.
//!
//! SELECT columns or one aggregate; a join along a key; up to two filters; GROUP BY, HAVING, ORDER BY and LIMIT.

use super::database::{Database, Kind, Value};
use super::ingest::quoted;
use super::verbalise::{MONTHS, date_parts, noun, words};

/// A column, by the places of its table and of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub table: usize,
    pub column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    Count,
    CountDistinct(Place),
    Sum(Place),
    Avg(Place),
    Min(Place),
    Max(Place),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Equal(Value),
    Above(Value),
    Below(Value),
    Between(Value, Value),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Columns(Vec<Place>),
    Aggregate(Aggregate),
}

/// Child column and parent column.
pub type Join = (Place, Place);

#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub from: usize,
    pub join: Option<Join>,
    pub answer: Answer,
    pub filters: Vec<(Place, Test)>,
    pub group: Option<Place>,
    /// The aggregate is above this.
    pub having: Option<Value>,
    /// By the aggregate, or by the last column; largest first?
    pub order: Option<bool>,
    pub limit: Option<u32>,
}

/// Words and identifiers that mean something to SQL are quoted.
fn identifier(name: &str) -> String {
    const KEYWORDS: [&str; 24] = [
        "order", "group", "by", "select", "from", "where", "having", "limit", "join", "on", "as", "and", "or", "not",
        "in", "is", "like", "case", "when", "then", "else", "end", "desc", "asc",
    ];
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name.to_ascii_lowercase().as_str());
    // Reserved in one of the engines: quoting harms nobody.
    if plain && !["table", "index", "values", "transaction", "default", "check", "user", "all"].contains(&name) {
        name.into()
    } else {
        quoted(name)
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Null => "NULL".into(),
        number => number.plain(),
    }
}

/// A value as a question writes it.
fn said(value: &Value) -> String {
    match value {
        Value::Text(text) => match date_parts(text) {
            Some((year, month, day)) => format!("{day} {} {year}", MONTHS[month as usize - 1]),
            None => format!("\"{text}\""),
        },
        value => value.plain(),
    }
}

impl Draft {
    fn name<'a>(&self, database: &'a Database, place: Place) -> &'a str {
        &database.tables[place.table].columns[place.column].name
    }

    fn reference(&self, database: &Database, place: Place) -> String {
        let column = identifier(self.name(database, place));
        match self.join {
            None => column,
            Some(_) => format!("{}.{column}", identifier(&database.tables[place.table].name)),
        }
    }

    fn aggregate_sql(&self, database: &Database, aggregate: Aggregate) -> String {
        match aggregate {
            Aggregate::Count => "COUNT(*)".into(),
            Aggregate::CountDistinct(place) => format!("COUNT(DISTINCT {})", self.reference(database, place)),
            Aggregate::Sum(place) => format!("SUM({})", self.reference(database, place)),
            Aggregate::Avg(place) => format!("AVG({})", self.reference(database, place)),
            Aggregate::Min(place) => format!("MIN({})", self.reference(database, place)),
            Aggregate::Max(place) => format!("MAX({})", self.reference(database, place)),
        }
    }

    fn aggregate_name(&self, database: &Database, aggregate: Aggregate) -> String {
        let (prefix, place) = match aggregate {
            Aggregate::Count => return "n".into(),
            Aggregate::CountDistinct(place) => ("n_", place),
            Aggregate::Sum(place) => ("total_", place),
            Aggregate::Avg(place) => ("mean_", place),
            Aggregate::Min(place) => ("min_", place),
            Aggregate::Max(place) => ("max_", place),
        };
        let name = self.name(database, place);
        prefix.to_owned() + &name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>()
    }

    pub fn sql(&self, database: &Database) -> String {
        let mut columns: Vec<String> = Vec::new();
        let mut add = |place: Place| {
            let reference = self.reference(database, place);
            let name = identifier(self.name(database, place));
            let both = self.join.is_some_and(|(child, parent)| {
                let other = if child.table == place.table { parent.table } else { child.table };
                database.tables[other].column(self.name(database, place)).is_some()
            });
            columns.push(match (self.join.is_some(), both) {
                (false, _) => reference,
                (true, false) => format!("{reference} AS {name}"),
                (true, true) => {
                    let table = &database.tables[place.table].name;
                    format!("{reference} AS {}", identifier(&format!("{table}_{}", self.name(database, place))))
                }
            });
        };
        self.group.into_iter().for_each(&mut add);
        let (mut ordered_by, mut aggregate) = (String::new(), String::new());
        match &self.answer {
            Answer::Columns(places) => {
                places.iter().copied().for_each(&mut add);
                ordered_by = places.last().map_or(String::new(), |place| self.reference(database, *place));
            }
            Answer::Aggregate(of) => {
                aggregate = self.aggregate_sql(database, *of);
                let name = self.aggregate_name(database, *of);
                columns.push(format!("{aggregate} AS {name}"));
                ordered_by.push_str(&name);
            }
        }
        let mut sql = format!("SELECT {} FROM {}", columns.join(", "), identifier(&database.tables[self.from].name));
        if let Some((child, parent)) = self.join {
            let other = if child.table == self.from { parent.table } else { child.table };
            sql += &format!(
                " JOIN {} ON {} = {}",
                identifier(&database.tables[other].name),
                self.reference(database, child),
                self.reference(database, parent)
            );
        }
        let filters: Vec<String> = self
            .filters
            .iter()
            .map(|(place, test)| {
                let column = self.reference(database, *place);
                match test {
                    Test::Equal(value) => format!("{column} = {}", literal(value)),
                    Test::Above(value) => format!("{column} > {}", literal(value)),
                    Test::Below(value) => format!("{column} < {}", literal(value)),
                    Test::Between(low, high) => format!("{column} BETWEEN {} AND {}", literal(low), literal(high)),
                }
            })
            .collect();
        if !filters.is_empty() {
            sql += &format!(" WHERE {}", filters.join(" AND "));
        }
        if let Some(group) = self.group {
            sql += &format!(" GROUP BY {}", self.reference(database, group));
        }
        if let Some(value) = &self.having {
            sql += &format!(" HAVING {aggregate} > {}", literal(value));
        }
        if let Some(descending) = self.order {
            sql += &format!(" ORDER BY {ordered_by}{}", if descending { " DESC" } else { "" });
        }
        if let Some(limit) = self.limit {
            sql += &format!(" LIMIT {limit}");
        }
        sql
    }

    /// The column in words; one of the other table of a join with that table's noun.
    fn column_words(&self, database: &Database, place: Place) -> String {
        let column = words(self.name(database, place));
        match place.table == self.from {
            true => column,
            false => {
                let noun = noun(&database.tables[place.table].name);
                if column.starts_with(&noun) { column } else { format!("{noun}'s {column}") }
            }
        }
    }

    /// The question in words.
    pub fn question(&self, database: &Database) -> String {
        let rows = words(&database.tables[self.from].name);
        let joined = match self.join {
            Some((child, parent)) => {
                let other = if child.table == self.from { parent } else { child };
                format!(", each with its {}", noun(&database.tables[other.table].name))
            }
            None => String::new(),
        };
        let filters: Vec<String> = self
            .filters
            .iter()
            .map(|(place, test)| {
                let column = self.column_words(database, *place);
                let is_date = database.tables[place.table].columns[place.column].kind == Kind::Date;
                let (more, less) = if is_date { ("after", "before") } else { ("more than", "less than") };
                match test {
                    Test::Equal(value) => format!("whose {column} is {}", said(value)),
                    Test::Above(value) => format!("whose {column} is {more} {}", said(value)),
                    Test::Below(value) => format!("whose {column} is {less} {}", said(value)),
                    Test::Between(low, high) => {
                        format!("whose {column} is between {} and {} (both included)", said(low), said(high))
                    }
                }
            })
            .collect();
        let mut of = format!("the {rows}");
        if !filters.is_empty() {
            of += &format!(" {}", filters.join(" and "));
        }
        let mut text = match (&self.answer, self.group) {
            (Answer::Columns(places), _) => {
                let columns: Vec<String> = places.iter().map(|place| self.column_words(database, *place)).collect();
                format!("List the {} of {of}{joined}.", columns.join(" and the "))
            }
            (Answer::Aggregate(aggregate), None) => format!("{}?", self.aggregate_words(database, *aggregate, &of)),
            (Answer::Aggregate(aggregate), Some(group)) => {
                let asked = self.aggregate_words(database, *aggregate, &of);
                let lower = asked[..1].to_lowercase() + &asked[1..];
                format!("For each {}, {lower}?", self.column_words(database, group))
            }
        };
        if let Some(value) = &self.having {
            text += &format!(" Give only those where that number is more than {}.", said(value));
        }
        if let Some(descending) = self.order {
            let by = match &self.answer {
                Answer::Columns(places) => places.last().map_or(String::new(), |p| self.column_words(database, *p)),
                Answer::Aggregate(_) => "number".into(),
            };
            let the = if matches!(self.answer, Answer::Aggregate(_)) { "that" } else { "the" };
            let direction = if descending { "largest to smallest" } else { "smallest to largest" };
            text += &match self.limit {
                Some(1) => {
                    format!(" Give only the one with the {} {by}.", if descending { "largest" } else { "smallest" })
                }
                Some(n) => format!(" Sort by {the} {by} from {direction} and give only the first {n}."),
                None => format!(" Sort by {the} {by} from {direction}."),
            };
        }
        text
    }

    fn aggregate_words(&self, database: &Database, aggregate: Aggregate, of: &str) -> String {
        let column = |place: Place| self.column_words(database, place);
        match aggregate {
            Aggregate::Count => format!("How many are there of {of}"),
            Aggregate::CountDistinct(place) => format!("How many different values of {} do {of} have", column(place)),
            Aggregate::Sum(place) => format!("What is the total {} of {of}", column(place)),
            Aggregate::Avg(place) => format!("What is the average {} of {of}", column(place)),
            Aggregate::Min(place) => format!("What is the smallest {} of {of}", column(place)),
            Aggregate::Max(place) => format!("What is the largest {} of {of}", column(place)),
        }
    }
}
