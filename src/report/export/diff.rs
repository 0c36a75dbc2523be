//! A comparison of two reports as CSV, by the rules of `csv.rs`: one row for every token that both scans asked about.

use std::fmt::Write;

use super::csv::quoted;
use crate::report::ReportDiff;

const HEADER: &str =
    "id_a,id_b,token,change,passed_a,passed_b,p_target_a,p_target_b,entropy_a,entropy_b,value_a,value_b\r\n";

impl ReportDiff {
    /// `change` is `fixed` when only the first scan's model fails the token, `broken` when only the second's does.
    pub fn to_csv(&self) -> String {
        let mut out = String::from(HEADER.trim_end());
        // OK because writing to a String cannot fail, here and below.
        for indicator in &self.indicators {
            let _ = write!(out, ",{0}_a,{0}_b", indicator.name);
        }
        out.push_str("\r\n");
        let tokens = &self.tokens;
        let optional = |value: Option<f32>| value.map_or(String::new(), |value| value.to_string());
        for at in 0..tokens.id_a.len() {
            let change = match (tokens.passed_a[at], tokens.passed_b[at]) {
                (false, true) => "fixed",
                (true, false) => "broken",
                _ => "",
            };
            let _ = write!(
                out,
                "{},{},{},{change},{},{},{},{},{},{},{},{}",
                tokens.id_a[at],
                tokens.id_b[at],
                quoted(&tokens.text[at]),
                tokens.passed_a[at],
                tokens.passed_b[at],
                tokens.p_target_a[at],
                tokens.p_target_b[at],
                tokens.entropy_a[at],
                tokens.entropy_b[at],
                optional(tokens.value_a[at]),
                optional(tokens.value_b[at])
            );
            for indicator in &self.indicators {
                let _ = write!(out, ",{},{}", optional(indicator.a[at]), optional(indicator.b[at]));
            }
            out.push_str("\r\n");
        }
        out
    }
}
