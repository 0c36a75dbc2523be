//! What the concept lens adds to reading a text: a prefill, and the pass that adds up the columns of all maps.

use crate::checkpoint::Config;
use crate::compute::{Device, DevicePreference};
use crate::engine::Model;
use crate::engine::attention::Progress;
use crate::error::Result;
use crate::progress::Silent;
use crate::rng::Rng;

/// Tokens of the text, as the lens's sheet has them.
const TOKENS: usize = 1024;
const VOCABULARY: u32 = 4096;

/// Qwen2 0.5B's shape with random weights, some of its layers and 4,096 of its tokens.
pub struct LensPasses {
    model: Model,
    ids: Vec<u32>,
    layers: usize,
}

impl LensPasses {
    pub async fn create(preference: DevicePreference, layers: usize) -> Result<LensPasses> {
        let config = format!(
            r#"{{"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": {layers},
                "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": {VOCABULARY}, "rms_norm_eps": 1e-6,
                "max_position_embeddings": 2048, "rope_theta": 1000000.0, "hidden_act": "silu", "tie_word_embeddings": true}}"#
        );
        let config = Config::from_bytes("config.json", config.as_bytes())?;
        let model = Model::fresh(&config, Device::request(preference).await?, 1)?;
        let mut rng = Rng::new(1);
        let ids = (0..TOKENS).map(|_| rng.below(VOCABULARY)).collect();
        Ok(LensPasses { model, ids, layers })
    }

    pub fn device(&self) -> String {
        self.model.device.info().name
    }

    /// Ends with the last token's logits; gives what they say of one of them.
    pub async fn prefill(&mut self) -> Result<f32> {
        Ok(self.model.last_logits(&self.ids, 0).await?.0.log_p_target)
    }

    /// Ends with the sums of all layers and heads.
    pub async fn sums(&mut self) -> Result<()> {
        let progress = Progress { before: 0, total: self.layers as u64 };
        self.model.attention_sums(&self.ids, progress, &mut Silent).await?;
        Ok(())
    }
}
