//! What the data plane has counted for API keys, kept.

use crate::control::call::Control;
use crate::control::desk::Scope;
use crate::control::error::Outcome;
use crate::control::kind;
use crate::control::usage::{self, Day};

/// Requests of one key under one plan on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub scope: Scope,
    pub plan: String,
    pub key: String,
    pub day: Day,
    pub requests: i64,
}

impl Control {
    /// Adds what keys have used to their records. Keys that left their plan meanwhile are none.
    ///
    /// # Errors
    /// When the store cannot keep it; then none of it was kept for the scope that failed and the
    /// ones after it.
    pub async fn count_usage(&self, mut used: Vec<Used>) -> Outcome<()> {
        while let Some(scope) = used.first().map(|first| first.scope.clone()) {
            let (own, rest): (Vec<Used>, Vec<Used>) =
                used.into_iter().partition(|used| used.scope == scope);
            used = rest;
            self.keep(scope, move |desk| {
                for one in &own {
                    let key = format!("{}/{}", one.plan, one.key);
                    if desk.get(kind::USAGE_PLAN_KEY, &key)?.is_some() {
                        usage::count(desk, &key, one.day, one.requests)?;
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::*;
    use crate::control::caller::Access;
    use crate::control::{Outbox, Publication, Request, Settings, Surroundings};
    use crate::store::Store;

    async fn asked(control: &Control, method: &str, target: &str, body: Value) -> Value {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let credential = "AKID/20260101/eu-west-1/apigateway/aws4_request";
        let signed = format!("AWS4-HMAC-SHA256 Credential={credential}, Signature=0");
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("authorization".to_owned(), signed)],
            body: body.to_string().into_bytes(),
            peer: None,
        };
        let account = "111111111111".to_owned();
        let caller = Access::Open { account }.admit(&request, 0).unwrap();
        let answer = control.call(&caller, &request).await;
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    #[test]
    fn what_keys_use_is_kept_by_day_and_goes_off_their_quota() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let settings = Settings {
                strict: false,
                data_dir: None,
            };
            let (publications, mut told) = mpsc::unbounded_channel::<Publication>();
            // Plans and keys are acknowledged when the data plane has them.
            tokio::spawn(async move {
                while let Some(publication) = told.recv().await {
                    let _ = publication.done.send(Ok(()));
                }
            });
            let store = Store::memory();
            let surroundings = Surroundings::default();
            let outbox = Outbox {
                publications,
                tests: mpsc::unbounded_channel().0,
            };
            let control = Control::new(store, settings, surroundings, outbox).unwrap();
            let quota = json!({ "limit": 10, "period": "MONTH" });
            let plan = json!({ "name": "p", "quota": quota });
            let plan = asked(&control, "POST", "/usageplans", plan).await;
            let plan = plan["id"].as_str().unwrap();
            let key = asked(&control, "POST", "/apikeys", json!({ "name": "k" })).await;
            let key = key["id"].as_str().unwrap();
            let joined = json!({ "keyId": key, "keyType": "API_KEY" });
            asked(
                &control,
                "POST",
                &format!("/usageplans/{plan}/keys"),
                joined,
            )
            .await;
            let used = |day: &str, key: &str, requests| Used {
                scope: Scope {
                    account: "111111111111".to_owned(),
                    region: "eu-west-1".to_owned(),
                },
                plan: plan.to_owned(),
                key: key.to_owned(),
                day: Day::parse(day).unwrap(),
                requests,
            };
            let all = vec![used("2026-01-30", key, 3), used("2026-01-30", key, 1)];
            control.count_usage(all).await.unwrap();
            let all = vec![used("2026-01-31", key, 9), used("2026-02-01", key, 2)];
            control.count_usage(all).await.unwrap();
            let gone = vec![used("2026-02-01", "none", 9)];
            control.count_usage(gone).await.unwrap();
            let days = "startDate=2026-01-30&endDate=2026-02-02";
            let target = format!("/usageplans/{plan}/usage?{days}");
            let answer = asked(&control, "GET", &target, Value::Null).await;
            let log = json!([[4, 6], [9, 0], [2, 8], [0, 8]]);
            assert_eq!(answer["values"], json!({ key: log }));
            assert_eq!(answer["endDate"], "2026-02-02");
        });
    }
}
