//! Which oracles a model can be asked by, and what its embedding alone says.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::monitor::PageMonitor;
use super::{Cancel, Listener, PartialScanOptions, Session, failure, scan_options, to_js};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "OracleOffer[]")]
    pub type JsOracleOffers;
    #[wasm_bindgen(typescript_type = "IndicatorTable")]
    pub type JsIndicatorTable;
}

#[wasm_bindgen]
impl Session {
    /// Every oracle with its questions to the byte, or why this model cannot be asked by it.
    pub fn oracles(&self, options: PartialScanOptions) -> Result<JsOracleOffers, JsValue> {
        let options = scan_options(options)?;
        let offers = self.look(|session| session.oracle_offers(&options))?;
        to_js(&offers.map_err(failure)?).map(JsValue::unchecked_into)
    }

    /// Magikarp's indicators of every token.
    pub async fn indicators(&self, on: Listener, cancel: &Cancel) -> Result<JsIndicatorTable, JsValue> {
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let table = session.indicators(&mut monitor).await;
        self.put_back(session);
        to_js(&table.map_err(failure)?).map(JsValue::unchecked_into)
    }
}
