//! A comparison of detectors as CSV: the mean of each detector, then every run. RFC 4180; only numbers and names of this
//! program, so nothing has to be disarmed.

use std::fmt::Write;

use crate::report::DetectorTable;

const HEADER: &str = "detector,seed,runs,named,true_positives,true_positives_low,true_positives_high,precision,\
precision_low,precision_high,recall,recall_low,recall_high,f1,f1_low,f1_high,queries,queries_low,queries_high,\
model_tokens,own_seconds,seconds,recall_curve\r\n";

impl DetectorTable {
    /// One row a detector with `mean` for its seed, then one row a run. Intervals are Student's at 95 %; the curve is recall
    /// after 0, 2, 4, … 100 % of the exhaustive scan's questions, separated by blanks.
    pub fn to_csv(&self) -> String {
        let mut out = String::from(HEADER);
        let curve = |curve: &[f32]| curve.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" ");
        // OK because writing to a String cannot fail.
        for row in &self.rows {
            let _ = write!(out, "{},mean,{},", row.info.name, row.runs);
            for of in [&row.true_positives, &row.precision, &row.recall, &row.f1, &row.queries] {
                let _ = write!(out, ",{},{},{}", of.mean, of.low, of.high);
            }
            let (tokens, own, all) = (row.model_tokens.mean, row.own_seconds.mean, row.seconds.mean);
            let _ = write!(out, ",{tokens},{own},{all},{}\r\n", curve(&row.curve));
        }
        for run in &self.runs {
            let (tp, p, r, f1, q) = (run.true_positives, run.precision, run.recall, run.f1, run.queries);
            let _ = write!(
                out,
                "{},{},1,{},{tp},{tp},{tp},{p},{p},{p},{r},{r},{r},{f1},{f1},{f1},{q},{q},{q},{},{},{},{}\r\n",
                run.detector,
                run.seed,
                run.named,
                run.model_tokens,
                run.own_seconds,
                run.seconds,
                curve(&run.curve)
            );
        }
        out
    }
}
