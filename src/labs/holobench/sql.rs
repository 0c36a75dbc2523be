//! What a query reads, asks for and means, and its text for SQLite with DuckDB's meaning.
//!
//! The study's gold answers come from DuckDB. SQLite gives the same ones when the query is rewritten (division, NULLs in an
//! order), the connection is set (LIKE), and what the two would answer differently is refused.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sqlparser::ast::*;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::HoloError;
use super::database::Database;

/// Longest query, in bytes.
const MAX_SQL: usize = 10_000;

/// What a question is about. A question can have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Flags {
    pub aggregation: bool,
    pub max_min: bool,
    pub join: bool,
    pub comparison: bool,
    pub ranking: bool,
}

impl Flags {
    pub const NAMES: [&'static str; 5] = ["aggregation", "max_min", "join", "comparison", "ranking"];

    pub fn array(&self) -> [bool; 5] {
        [self.aggregation, self.max_min, self.join, self.comparison, self.ranking]
    }

    pub fn names(&self) -> Vec<String> {
        Flags::NAMES.iter().zip(self.array()).filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect()
    }
}

/// Easy: one component · medium: two or three · hard: four and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Difficulty {
    Easy,
    Medium,
    Hard,
}

impl Difficulty {
    pub const ALL: [Difficulty; 3] = [Difficulty::Easy, Difficulty::Medium, Difficulty::Hard];

    pub fn name(self) -> &'static str {
        match self {
            Difficulty::Easy => "easy",
            Difficulty::Medium => "medium",
            Difficulty::Hard => "hard",
        }
    }
}

/// A query that was understood.
#[derive(Clone, Debug)]
pub struct Checked {
    /// As it was written.
    pub sql: String,
    /// For SQLite.
    pub rewritten: String,
    /// Tables it reads, by their place in the database.
    pub tables: Vec<usize>,
    /// Columns it names, as (table, column); all of a table's for `*`.
    pub columns: Vec<(usize, usize)>,
    /// The order of the answer's rows matters.
    pub ordered: bool,
    pub limit: Option<u64>,
    pub flags: Flags,
    /// Components of groups 1 and 2, and others.
    pub components: [u32; 3],
    /// The rewritten query, for what is derived from it.
    query: Query,
}

impl Checked {
    pub fn difficulty(&self) -> Difficulty {
        match self.components.iter().sum::<u32>() {
            0 | 1 => Difficulty::Easy,
            2 | 3 => Difficulty::Medium,
            _ => Difficulty::Hard,
        }
    }
}

fn refused<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, HoloError> {
    Err(HoloError::Query { reason: reason.into(), hint: hint.into() })
}

/// Functions on which the two engines agree, with how many arguments they take.
const FUNCTIONS: [(&str, std::ops::RangeInclusive<usize>); 10] = [
    ("COUNT", 1..=1),
    ("SUM", 1..=1),
    ("AVG", 1..=1),
    ("MIN", 1..=1),
    ("MAX", 1..=1),
    ("ROUND", 1..=2),
    ("ABS", 1..=1),
    ("LENGTH", 1..=1),
    ("COALESCE", 2..=20),
    ("NULLIF", 2..=2),
];
const AGGREGATES: [&str; 5] = ["COUNT", "SUM", "AVG", "MIN", "MAX"];

/// Understands a query over a database.
///
/// Errors   `Query` when it is no single SELECT, or means different things to SQLite and DuckDB; `UnknownTable`;
///          `TableCase`
pub fn check(sql: &str, database: &Database) -> Result<Checked, HoloError> {
    if sql.len() > MAX_SQL {
        return Err(HoloError::TooLarge { what: "the query".into(), found: sql.len() as u64, limit: MAX_SQL as u64 });
    }
    let trimmed = sql.trim().trim_end_matches(';').trim();
    let mut statements = match Parser::parse_sql(&GenericDialect {}, trimmed) {
        Ok(statements) => statements,
        Err(error) => return refused(error.to_string(), "Write one SELECT statement."),
    };
    let mut query = match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => *query,
        (Some(_), true) => return refused("it is no SELECT", "Only questions can be asked; nothing is changed."),
        _ => return refused("it has to be one statement", "Write one SELECT statement."),
    };

    let mut reading = Reading::default();
    if let ControlFlow::Break(error) = Visit::visit(&query, &mut reading) {
        return Err(error);
    }
    let mut tables = Vec::new();
    for name in reading.relations.iter().filter(|name| !reading.is_cte(name)) {
        tables.push(database.table(name)?);
    }
    tables.sort_unstable();
    tables.dedup();
    if tables.is_empty() {
        return refused("it reads no table", "Ask about a table of the database.");
    }
    let columns = columns(&reading, &tables, database)?;

    let top = select_of(&query.body);
    let order = order_of(&query);
    let limit = limit_of(&query)?;
    if limit.is_some() && order.is_empty() {
        return refused("LIMIT without ORDER BY leaves open which rows are meant", "Add ORDER BY.");
    }
    let flags = Flags {
        aggregation: reading.aggregates.iter().any(|name| matches!(name.as_str(), "COUNT" | "SUM" | "AVG")),
        max_min: reading.aggregates.iter().any(|name| matches!(name.as_str(), "MIN" | "MAX")) || limit.is_some(),
        join: reading.joins > 0,
        comparison: reading.comparisons > 0,
        ranking: !order.is_empty() && limit.is_none(),
    };
    let others = u32::from(reading.aggregates.len() > 1)
        + u32::from(reading.conditions > 1)
        + u32::from(reading.group_columns > 1);
    let components = [reading.components, reading.nested, others];
    let ordered = !order.is_empty() && limit != Some(1);
    if let Some(select) = top {
        check_order(select, &order)?;
    }
    if let ControlFlow::Break(error) = VisitMut::visit(&mut query, &mut Rewriting) {
        return Err(error);
    }
    Ok(Checked {
        sql: trimmed.into(),
        rewritten: query.to_string(),
        tables,
        columns,
        ordered,
        limit,
        flags,
        components,
        query,
    })
}

/// What a walk over the query collects.
#[derive(Default)]
struct Reading {
    relations: Vec<String>,
    ctes: Vec<String>,
    /// Alias and table.
    aliases: Vec<(String, String)>,
    /// Column names with what stands before the dot.
    identifiers: Vec<(Option<String>, String)>,
    /// Names that the query itself gives to expressions.
    given: BTreeSet<String>,
    /// Tables all of whose columns are read: `None` for a bare `*`.
    wildcards: Vec<Option<String>>,
    aggregates: Vec<String>,
    joins: u32,
    comparisons: u32,
    conditions: u32,
    group_columns: usize,
    components: u32,
    nested: u32,
    queries: u32,
}

impl Reading {
    fn is_cte(&self, name: &str) -> bool {
        self.ctes.iter().any(|cte| cte.eq_ignore_ascii_case(name))
    }
}

impl Visitor for Reading {
    type Break = HoloError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<HoloError> {
        let stop = |what: &str| {
            ControlFlow::Break(HoloError::Query {
                reason: format!("{what} is not understood"),
                hint: "Keep to SELECT, JOIN, WHERE, GROUP BY, HAVING, ORDER BY and LIMIT.".into(),
            })
        };
        if let Some(with) = &query.with {
            if with.recursive {
                return stop("WITH RECURSIVE");
            }
            self.ctes.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.clone()));
        }
        if query.fetch.is_some() || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return stop("FETCH, FOR or |>");
        }
        if let Some(order) = &query.order_by {
            let OrderByKind::Expressions(expressions) = &order.kind else { return stop("ORDER BY ALL") };
            if expressions.iter().any(|order| order.with_fill.is_some()) {
                return stop("WITH FILL");
            }
        }
        self.components += u32::from(query.order_by.is_some() || query.limit_clause.is_some());
        // Every query but the outermost is one inside another.
        self.nested += u32::from(self.queries > 0);
        self.queries += 1;
        match &*query.body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::SetOperation { .. } => {}
            _ => return stop("VALUES and TABLE"),
        }
        let mut body = &*query.body;
        while let SetExpr::SetOperation { left, .. } = body {
            self.nested += 1;
            body = left;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<HoloError> {
        let stop = |what: &str| {
            ControlFlow::Break(HoloError::Query {
                reason: format!("{what} is not understood"),
                hint: "Keep to SELECT, JOIN, WHERE, GROUP BY, HAVING, ORDER BY and LIMIT.".into(),
            })
        };
        if select.top.is_some()
            || select.into.is_some()
            || select.qualify.is_some()
            || select.prewhere.is_some()
            || !select.lateral_views.is_empty()
            || !select.named_window.is_empty()
            || !select.connect_by.is_empty()
            || select.select_modifiers.is_some()
            || select.exclude.is_some()
            || select.flavor != SelectFlavor::Standard
        {
            return stop("a clause of another dialect");
        }
        if matches!(select.distinct, Some(Distinct::On(_))) {
            return stop("DISTINCT ON");
        }
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => {
                    self.given.insert(alias.value.to_ascii_lowercase());
                }
                SelectItem::Wildcard(_) => self.wildcards.push(None),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    self.wildcards.push(Some(name.to_string()));
                }
                SelectItem::UnnamedExpr(_) => {}
                _ => return stop("this list of columns"),
            }
        }
        let joined =
            select.from.iter().map(|from| from.joins.len()).sum::<usize>() + select.from.len().saturating_sub(1);
        self.joins += joined as u32;
        self.components += joined as u32;
        for join in select.from.iter().flat_map(|from| &from.joins) {
            match &join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint) => match constraint {
                    JoinConstraint::On(_) | JoinConstraint::Using(_) => {}
                    _ => return stop("a join without ON or USING"),
                },
                _ => return stop("a join other than INNER and LEFT"),
            }
        }
        if let Some(condition) = &select.selection {
            self.components += 1;
            self.conditions += terms(condition);
            if contains_or(condition) {
                self.components += 1;
            }
        }
        match &select.group_by {
            GroupByExpr::Expressions(expressions, modifiers) if modifiers.is_empty() => {
                if expressions.iter().any(|expression| matches!(expression, Expr::Value(_))) {
                    return stop("GROUP BY a number");
                }
                self.group_columns = self.group_columns.max(expressions.len());
                self.components += u32::from(!expressions.is_empty());
            }
            _ => return stop("GROUP BY ALL"),
        }
        self.components += u32::from(select.having.is_some());
        match bare_columns(select) {
            Some(column) => ControlFlow::Break(HoloError::Query {
                reason: format!("{column} stands beside an aggregate and is not in GROUP BY"),
                hint: "Add it to GROUP BY: DuckDB refuses this, SQLite would pick a row.".into(),
            }),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<HoloError> {
        match relation.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => self.relations.push(name.value.clone()),
            _ => {
                return ControlFlow::Break(HoloError::Query {
                    reason: format!("{relation} is no table of this database"),
                    hint: "Write a table's name without a schema.".into(),
                });
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<HoloError> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, .. } => {
                if let Some(alias) = alias {
                    self.aliases.push((alias.name.value.clone(), name.to_string().trim_matches('"').into()));
                }
            }
            TableFactor::Derived { lateral: false, .. } | TableFactor::NestedJoin { .. } => {}
            _ => {
                return ControlFlow::Break(HoloError::Query {
                    reason: format!("{factor} is no table"),
                    hint: "Read tables and queries in brackets only.".into(),
                });
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<HoloError> {
        let stop = |reason: String| {
            ControlFlow::Break(HoloError::Query {
                reason,
                hint: "SQLite and DuckDB would answer differently, or one of them not at all.".into(),
            })
        };
        match expression {
            Expr::Identifier(name) => self.identifiers.push((None, name.value.clone())),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => self.identifiers.push((Some(table.value.clone()), column.value.clone())),
                _ => return stop(format!("{expression} has more than one dot")),
            },
            Expr::BinaryOp { op, .. } => match op {
                BinaryOperator::Gt
                | BinaryOperator::Lt
                | BinaryOperator::GtEq
                | BinaryOperator::LtEq
                | BinaryOperator::NotEq => self.comparisons += 1,
                BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Eq
                | BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::StringConcat => {}
                _ => return stop(format!("the operator {op} is not understood")),
            },
            Expr::Between { .. } => self.comparisons += 1,
            Expr::Like { any: false, escape_char: None, .. } => self.components += 1,
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus, .. }
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Nested(_)
            | Expr::Case { .. }
            | Expr::In { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_) => {}
            Expr::Value(value) => match &value.value {
                Value::Number(..) | Value::SingleQuotedString(_) | Value::Null => {}
                _ => return stop(format!("{value} is not understood")),
            },
            Expr::Cast { kind: CastKind::Cast, data_type: DataType::Double(_), .. } => {}
            Expr::Cast { .. } => return stop(format!("{expression}: casts to anything but DOUBLE differ")),
            Expr::Function(function) => {
                let name = function.name.to_string().to_ascii_uppercase();
                let Some((_, arguments)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
                    let known: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
                    return stop(format!("the function {name} is not among {}", known.join(", ")));
                };
                let FunctionArguments::List(list) = &function.args else {
                    return stop(format!("{function} lacks its arguments"));
                };
                if function.over.is_some() || !function.within_group.is_empty() || !list.clauses.is_empty() {
                    return stop(format!("{name} as a window function is not understood"));
                }
                if !arguments.contains(&list.args.len()) {
                    return stop(format!("{name} takes {arguments:?} arguments, not {}", list.args.len()));
                }
                if AGGREGATES.contains(&name.as_str()) {
                    self.aggregates.push(name);
                }
            }
            _ => return stop(format!("{expression} is not understood")),
        }
        ControlFlow::Continue(())
    }
}

/// Conditions that AND and OR put together.
fn terms(condition: &Expr) -> u32 {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => terms(left) + terms(right),
        Expr::Nested(inner) => terms(inner),
        _ => 1,
    }
}

fn contains_or(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => true,
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => contains_or(left) || contains_or(right),
        Expr::Nested(inner) => contains_or(inner),
        _ => false,
    }
}

/// The first column that stands beside an aggregate without being grouped by.
fn bare_columns(select: &Select) -> Option<String> {
    let GroupByExpr::Expressions(grouped, _) = &select.group_by else { return None };
    let mut has_aggregate = !grouped.is_empty();
    let mut bare = Vec::new();
    // An alias stands for what it names.
    let mut allowed: Vec<Expr> = grouped.clone();
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { expr, alias } = item
            && grouped
                .iter()
                .any(|e| matches!(e, Expr::Identifier(name) if name.value.eq_ignore_ascii_case(&alias.value)))
        {
            allowed.push(expr.clone());
        }
    }
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                outside_aggregates(expr, &allowed, &mut bare, &mut has_aggregate);
            }
            _ => bare.push("*".into()),
        }
    }
    let aliases: Vec<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if let Some(having) = &select.having {
        let mut in_having = Vec::new();
        outside_aggregates(having, &allowed, &mut in_having, &mut has_aggregate);
        bare.extend(in_having.into_iter().filter(|name| !aliases.contains(&name.to_ascii_lowercase())));
    }
    if has_aggregate { bare.into_iter().next() } else { None }
}

fn same_column(a: &Expr, b: &Expr) -> bool {
    let last = |e: &Expr| match e {
        Expr::Identifier(name) => Some((None, name.value.to_ascii_lowercase())),
        Expr::CompoundIdentifier(parts) => {
            let mut names = parts.iter().rev().map(|part| part.value.to_ascii_lowercase());
            let column = names.next()?;
            Some((names.next(), column))
        }
        _ => None,
    };
    match (last(a), last(b)) {
        (Some((table, name)), Some((other_table, other))) => {
            name == other && (table.is_none() || other_table.is_none() || table == other_table)
        }
        _ => a.to_string().eq_ignore_ascii_case(&b.to_string()),
    }
}

fn outside_aggregates(expression: &Expr, allowed: &[Expr], bare: &mut Vec<String>, has_aggregate: &mut bool) {
    if allowed.iter().any(|other| same_column(expression, other)) {
        return;
    }
    let mut walk = |inner: &Expr| outside_aggregates(inner, allowed, bare, has_aggregate);
    match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => bare.push(expression.to_string()),
        Expr::BinaryOp { left, right, .. } => {
            walk(left);
            walk(right);
        }
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::Cast { expr: inner, .. } => walk(inner),
        Expr::Between { expr, low, high, .. } => {
            walk(expr);
            walk(low);
            walk(high);
        }
        Expr::Like { expr, pattern, .. } => {
            walk(expr);
            walk(pattern);
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            operand.iter().for_each(|e| walk(e));
            for when in conditions {
                walk(&when.condition);
                walk(&when.result);
            }
            else_result.iter().for_each(|e| walk(e));
        }
        Expr::Function(function) => {
            if AGGREGATES.contains(&function.name.to_string().to_ascii_uppercase().as_str()) {
                *has_aggregate = true;
                return;
            }
            if let FunctionArguments::List(list) = &function.args {
                for argument in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) = argument {
                        walk(inner);
                    }
                }
            }
        }
        _ => {}
    }
}

/// The columns that are named, as places. A name that no table has is an error; one the query gave itself is not meant.
fn columns(reading: &Reading, tables: &[usize], database: &Database) -> Result<Vec<(usize, usize)>, HoloError> {
    let mut out = BTreeSet::new();
    let resolved = |qualifier: &str| {
        let name = reading
            .aliases
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(qualifier))
            .map_or(qualifier, |(_, table)| table.as_str());
        tables.iter().copied().find(|table| database.tables[*table].name.eq_ignore_ascii_case(name))
    };
    // Columns of a query in brackets, or of WITH, are named by that query and not by a table.
    let has_inner = !reading.ctes.is_empty() || reading.nested > 0;
    for (qualifier, column) in &reading.identifiers {
        let among: Vec<usize> = match qualifier {
            Some(qualifier) => resolved(qualifier).into_iter().collect(),
            None => tables.to_vec(),
        };
        let mut found = false;
        for table in among {
            if let Some(place) = database.tables[table].column(column) {
                out.insert((table, place));
                found = true;
            }
        }
        let is_given = qualifier.is_none() || has_inner;
        let is_given = is_given && reading.given.contains(&column.to_ascii_lowercase());
        if !found && !is_given {
            let names: Vec<String> = tables
                .iter()
                .map(|table| {
                    let table = &database.tables[*table];
                    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
                    format!("{} ({})", table.name, columns.join(", "))
                })
                .collect();
            let said = qualifier.as_ref().map_or(column.clone(), |qualifier| format!("{qualifier}.{column}"));
            return refused(
                format!("there is no column {said}"),
                format!("The tables it reads: {}. A text goes between single quotes.", names.join("; ")),
            );
        }
    }
    for wildcard in &reading.wildcards {
        let among: Vec<usize> = match wildcard {
            Some(name) => resolved(name).into_iter().collect(),
            None => tables.to_vec(),
        };
        for table in among {
            out.extend((0..database.tables[table].columns.len()).map(|column| (table, column)));
        }
    }
    Ok(out.into_iter().collect())
}

fn select_of(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

fn order_of(query: &Query) -> Vec<OrderByExpr> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(expressions)) => expressions.clone(),
        _ => Vec::new(),
    }
}

fn limit_of(query: &Query) -> Result<Option<u64>, HoloError> {
    match &query.limit_clause {
        None => Ok(None),
        Some(LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by }) if limit_by.is_empty() => {
            match limit.to_string().parse() {
                Ok(limit) => Ok(Some(limit)),
                Err(_) => refused(format!("LIMIT {limit} is no number"), "Write a whole number."),
            }
        }
        Some(_) => refused("OFFSET is not understood", "Write LIMIT and a whole number."),
    }
}

/// What stands behind an alias or a place of the column list.
fn meant<'a>(select: &'a Select, expression: &'a Expr) -> &'a Expr {
    for (place, item) in select.projection.iter().enumerate() {
        match (item, expression) {
            (SelectItem::ExprWithAlias { expr, alias }, Expr::Identifier(name))
                if name.value.eq_ignore_ascii_case(&alias.value) =>
            {
                return expr;
            }
            (SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr), Expr::Value(value))
                if value.to_string() == (place + 1).to_string() =>
            {
                return expr;
            }
            _ => {}
        }
    }
    expression
}

fn check_order(select: &Select, order: &[OrderByExpr]) -> Result<(), HoloError> {
    let is_listed = |expression: &Expr| {
        select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => same_column(expr, expression),
            _ => true,
        })
    };
    let allowed: Vec<Expr> = match &select.group_by {
        GroupByExpr::Expressions(expressions, _) => {
            expressions.iter().map(|expression| meant(select, expression).clone()).collect()
        }
        GroupByExpr::All(_) => Vec::new(),
    };
    let mut grouped = !allowed.is_empty();
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            outside_aggregates(expr, &allowed, &mut Vec::new(), &mut grouped);
        }
    }
    for order in order {
        let expression = meant(select, &order.expr);
        if select.distinct.is_some() && !is_listed(expression) {
            return refused(
                format!("DISTINCT rows are ordered by {}, which is not among their columns", order.expr),
                "Add it to the columns.",
            );
        }
        let mut bare = Vec::new();
        outside_aggregates(expression, &allowed, &mut bare, &mut false);
        if grouped && let Some(column) = bare.first() {
            return refused(format!("groups are ordered by {column}, which is not in GROUP BY"), "Add it to GROUP BY.");
        }
    }
    Ok(())
}

/// DuckDB's meaning in SQLite's words.
struct Rewriting;

impl VisitorMut for Rewriting {
    type Break = HoloError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<HoloError> {
        if let Some(OrderBy { kind: OrderByKind::Expressions(expressions), .. }) = &mut query.order_by {
            for order in expressions {
                // DuckDB puts NULLs last, SQLite first.
                order.options.nulls_first.get_or_insert(false);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<HoloError> {
        if let Expr::BinaryOp { left, op: BinaryOperator::Divide, .. } = expression {
            // 7 / 2 is 3.5 to DuckDB, 3 to SQLite.
            let inner = std::mem::replace(left, Box::new(Expr::Value(Value::Null.into())));
            **left = Expr::Cast { kind: CastKind::Cast, expr: inner, data_type: DataType::Real, format: None };
        }
        ControlFlow::Continue(())
    }
}

impl Checked {
    /// The query without its limit, and which columns of its answer are the sort keys; `None` without an order.
    pub(crate) fn sort_keys(&self) -> Option<(String, Vec<usize>)> {
        let mut query = self.query.clone();
        let order = order_of(&query);
        let SetExpr::Select(select) = &mut *query.body else { return None };
        if order.is_empty() {
            return None;
        }
        query.limit_clause = None;
        let keys: Vec<Expr> = order.iter().map(|order| meant(select, &order.expr).clone()).collect();
        if select.distinct.is_some() {
            // What DISTINCT rows are ordered by is among their columns.
            let place = |key: &Expr| {
                select.projection.iter().position(|item| match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => same_column(expr, key),
                    _ => false,
                })
            };
            let places = keys.iter().map(place).collect::<Option<Vec<usize>>>()?;
            return Some((query.to_string(), places));
        }
        let OrderBy { kind: OrderByKind::Expressions(expressions), .. } = query.order_by.as_mut()? else { return None };
        for (order, key) in expressions.iter_mut().zip(&keys) {
            order.expr = key.clone();
        }
        // The named columns stay, behind the keys: HAVING may use their names.
        let named = select.projection.drain(..).filter(|item| matches!(item, SelectItem::ExprWithAlias { .. }));
        let named: Vec<SelectItem> = named.collect();
        let places = (0..keys.len()).collect();
        let keys = keys
            .into_iter()
            .enumerate()
            .map(|(i, expr)| SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("sort_key_{i}")) });
        select.projection = keys.chain(named).collect();
        Some((query.to_string(), places))
    }

    /// The query that gives, for every row that passes joins and filters, the row numbers in the tables of its FROM, and
    /// these tables; `None` where sub-queries or set operations make that another question.
    pub(crate) fn evidence(&self, database: &Database) -> Option<(Vec<usize>, String)> {
        if self.components[1] > 0 || self.query.with.is_some() {
            return None;
        }
        let mut query = self.query.clone();
        query.order_by = None;
        query.limit_clause = None;
        let SetExpr::Select(select) = &mut *query.body else { return None };
        let mut tables = Vec::new();
        let mut projection = Vec::new();
        for factor in select
            .from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)))
        {
            let TableFactor::Table { name, alias, .. } = factor else { return None };
            let table = database.table(name.to_string().trim_matches('"')).ok()?;
            if database.tables[table].column(super::gold::ROW_NUMBER).is_some() {
                return None;
            }
            let alias = alias.as_ref().map_or_else(
                || match name.0.as_slice() {
                    [ObjectNamePart::Identifier(name)] => name.clone(),
                    _ => Ident::new(""),
                },
                |alias| alias.name.clone(),
            );
            tables.push(table);
            let row = Expr::CompoundIdentifier(vec![alias, Ident::new(super::gold::ROW_NUMBER)]);
            projection.push(SelectItem::UnnamedExpr(row));
        }
        select.projection = projection;
        select.distinct = None;
        select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
        select.having = None;
        Some((tables, query.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::holobench::synthetic::synthetic;

    fn checked(sql: &str) -> Result<Checked, HoloError> {
        check(sql, &synthetic(1))
    }

    /// Oracle: the study's visible records, as the fact sheet lists them (shape → flags and components).
    #[test]
    fn flags_and_components_are_the_studys() {
        let of = |sql: &str| {
            let checked = checked(sql).unwrap();
            (checked.flags.names().join("+"), checked.components)
        };
        assert_eq!(
            of("SELECT g.grower, r.region FROM growers g JOIN regions r ON g.region_id = r.region_id"),
            ("join".into(), [1, 0, 0])
        );
        assert_eq!(of("SELECT orchard FROM orchards WHERE hectares > 5"), ("comparison".into(), [1, 0, 0]));
        assert_eq!(
            of("SELECT COUNT(DISTINCT colour) AS n FROM varieties WHERE fruit = 'apple'"),
            ("aggregation".into(), [1, 0, 0])
        );
        assert_eq!(
            of("SELECT grade, AVG(tonnes) AS mean FROM harvests GROUP BY grade"),
            ("aggregation".into(), [1, 0, 0])
        );
        assert_eq!(
            of("SELECT DISTINCT orchard, hectares FROM orchards ORDER BY hectares DESC LIMIT 10"),
            ("max_min".into(), [1, 0, 0])
        );
        assert_eq!(of("SELECT orchard FROM orchards ORDER BY hectares"), ("ranking".into(), [1, 0, 0]));
    }

    /// Oracle: the fact sheet's table of dialect differences.
    #[test]
    fn what_the_engines_answer_differently_is_rewritten_or_refused() {
        let rewritten = checked("SELECT crates / 2 AS half FROM sales ORDER BY half").unwrap().rewritten;
        assert!(rewritten.contains("CAST(crates AS REAL) / 2") && rewritten.ends_with("NULLS LAST"), "{rewritten}");
        let refused = |sql: &str| checked(sql).map(|c| c.rewritten).expect_err(sql).to_string();
        assert!(refused("SELECT grower, COUNT(*) AS n FROM growers").contains("beside an aggregate"));
        assert!(refused("SELECT grower FROM growers GROUP BY region_id").contains("beside an aggregate"));
        assert!(refused("SELECT grower FROM growers WHERE grower = \"Ada\"").contains("no column Ada"));
        assert!(refused("SELECT DISTINCT region FROM regions ORDER BY rainfall_mm").contains("DISTINCT"));
        assert!(refused("SELECT UPPER(region) FROM regions").contains("UPPER"));
        assert!(refused("SELECT CAST(price AS INTEGER) FROM sales").contains("DOUBLE"));
        assert!(refused("SELECT region FROM regions LIMIT 3").contains("ORDER BY"));
        assert!(refused("DELETE FROM regions").contains("no SELECT"));
        assert!(refused("SELECT 1; SELECT 2").contains("one statement"));
        assert!(refused("SELECT region FROM").contains("Expected"));
        assert!(refused("SELECT rank() OVER (ORDER BY price) FROM sales").contains("RANK"));
        assert!(refused("SELECT a FROM nowhere").contains("no table \"nowhere\""));
        assert!(refused("SELECT region FROM Regions").contains("letter by letter"));
    }

    /// Oracle: the query's own text.
    #[test]
    fn tables_and_columns_are_found_behind_aliases() {
        let sql = "WITH big AS (SELECT orchard_id AS oid FROM orchards WHERE hectares > 9) \
                   SELECT h.year FROM harvests AS h JOIN big ON big.oid = h.orchard_id WHERE h.grade IN ('A', 'B')";
        let checked = checked(sql).unwrap();
        assert_eq!(checked.tables, [3, 5]);
        let database = synthetic(1);
        let names: Vec<&str> = checked
            .columns
            .iter()
            .map(|(table, column)| database.tables[*table].columns[*column].name.as_str())
            .collect();
        assert_eq!(names, ["orchard_id", "hectares", "orchard_id", "year", "grade"]);
    }
}
