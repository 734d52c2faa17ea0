use flow_base::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

/// The server's description of itself.
pub(super) struct Document(Value);

/// A method of a route.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    said: Value,
}

impl Document {
    pub(super) async fn of(server: &str) -> Self {
        let answer = reqwest::get(format!("{server}/api/openapi.json")).await.unwrap();
        Self(answer.json().await.unwrap())
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(|(method, said)| Operation {
                id: said["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                said: said.clone(),
            })
        });
        operations.collect()
    }

    /// What a reference leads to; other values are themselves.
    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(to) => self.0.pointer(to.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// Why a value does not fit a schema of the document.
    pub(super) fn misfit(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = json!({ "components": self.0["components"], "allOf": [schema] });
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        validator.iter_errors(value).next().map(|error| format!("{error} at {}", error.instance_path()))
    }

    /// The response that the operation may answer with this status.
    pub(super) fn response<'a>(&'a self, operation: &'a Operation, status: u16) -> Option<&'a Value> {
        let response = operation.said["responses"].get(status.to_string())?;
        Some(self.resolve(response))
    }

    /// The schema of the operation's body.
    pub(super) fn body<'a>(&'a self, operation: &'a Operation) -> Option<&'a Value> {
        let body = operation.said.get("requestBody")?;
        Some(self.resolve(&body["content"].get("application/json")?["schema"]))
    }
}

impl Operation {
    /// Whether somebody has to have signed in.
    pub(super) fn is_for_signed_in(&self) -> bool {
        let ways = self.said["security"].as_array().unwrap();
        ways.iter().all(|way| way.get("signIn").is_some() || way.get("apiKey").is_some())
    }

    /// The scopes that a key needs; `None` where no key will do.
    pub(super) fn scopes(&self) -> Option<Vec<Scope>> {
        let ways = self.said["security"].as_array().unwrap();
        let scopes = ways.iter().find_map(|way| way.get("apiKey"))?.as_array().unwrap();
        Some(scopes.iter().map(|scope| scope.as_str().unwrap().parse().unwrap()).collect())
    }

    /// Roles that do not suffice.
    pub(super) fn roles_below(&self) -> Vec<Role> {
        let Some(least) = self.said["x-role"].as_str() else { return Vec::new() };
        let least: Role = least.parse().unwrap();
        [Role::Viewer, Role::Commenter, Role::Editor].into_iter().filter(|role| *role < least).collect()
    }

    pub(super) fn parameters(&self, place: &str) -> Vec<Value> {
        let all = self.said["parameters"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|parameter| parameter["in"] == place).collect()
    }

    pub(super) fn path_names(&self) -> Vec<String> {
        self.parameters("path").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }
}
