//! Models that the administrator defines at run time.

use serde_json::{Value, json};

use super::{Said, not_found, text};
use crate::builtin::World;
use crate::builtin::price::{PricedModel, SetBy};
use crate::builtin::refusal::{Refusal, bad};

impl World {
    pub(super) fn make_model(&mut self, said: Said) -> Result<Value, Refusal> {
        let name = text(&said, "model_name")?.to_owned();
        let mut said = Value::Object(said);
        let id = match said["model_info"]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("model-{}", self.store.next()),
        };
        if said["model_info"].is_null() {
            said["model_info"] = json!({});
        }
        if !said["model_info"].is_object() || !said["litellm_params"].is_object() {
            return Err(bad("litellm_params and model_info are objects"));
        }
        said["model_info"]["id"] = id.as_str().into();
        self.models.add(&name, PricedModel::new(id.clone(), said.clone(), SetBy::Admin));
        said["model_id"] = id.into();
        Ok(said)
    }

    /// Replaces what was said of a model before.
    pub(super) fn update_model(&mut self, said: &Said) -> Result<Value, Refusal> {
        let id = said
            .get("model_info")
            .and_then(|info| info["id"].as_str())
            .ok_or_else(|| bad("model_info.id is missing"))?;
        let (name, model) = self.models.of_id(id).ok_or_else(|| not_found("such model"))?;
        let mut merged = model.said.clone();
        for part in ["litellm_params", "model_info"] {
            if let Some(of_part) = said.get(part) {
                merged[part] = of_part.clone();
            }
        }
        let new_name = said.get("model_name").and_then(Value::as_str).unwrap_or(&name).to_owned();
        merged["model_name"] = new_name.as_str().into();
        self.models.remove(&name);
        self.models.add(&new_name, PricedModel::new(id.to_owned(), merged.clone(), SetBy::Updated));
        Ok(merged)
    }

    pub(super) fn delete_model(&mut self, said: &Said) -> Result<Value, Refusal> {
        let id = text(said, "id")?;
        let (name, _) = self.models.of_id(id).ok_or_else(|| not_found("such model"))?;
        self.models.remove(&name);
        Ok(json!({ "message": format!("Model: {id} deleted successfully") }))
    }
}
