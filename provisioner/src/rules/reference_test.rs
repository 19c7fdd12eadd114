use super::*;
use crate::yaml;
use serde_json::json;

fn schema() -> Json {
    json!({
        "properties": {
            "names": {"type": "array", "items": {
                "type": "string", "pattern": "^[a-z]+$", "description": "Names.",
                "x-resource": {"type": "AWS::ECS::Service", "attribute": "Name", "value": {"Fn::GetAtt": ["Resource", "Name"]}},
            }},
            "cluster": {"type": "string"},
            "tag": {"type": "object", "additionalProperties": {"type": "string"}},
            "arn": {"type": "string", "x-literal": "because"},
        },
    })
}

fn extracted(text: &str, workload: bool) -> Extracted {
    let source = Source::new("rules", text);
    extract(&source, &yaml::parse(&source).unwrap(), &schema(), workload)
}

#[test]
fn a_reference_stands_wherever_text_may() {
    let found = extracted(
        "names: [web, {resource: Web}, {import: 'shop:queue', append: -a}]\ncluster: {ssm: /shop/cluster}\ntag: {app: {parameter: App}, resource: x}\n",
        true,
    );
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let text = |pointer: &str| found.node.pointer(pointer).and_then(Node::as_str).unwrap_or("-").to_owned();
    assert_eq!(text("/names/0"), "web");
    assert_eq!(text("/names/1"), held("NameOfWeb"));
    assert!(text("/names/2").starts_with(&format!("{HELD_OPEN}ImportShopqueue")) && text("/names/2").ends_with("-a"));
    assert_eq!(text("/tag/app"), held("App"));
    // A tag may be called like a field of a reference.
    assert_eq!(text("/tag/resource"), "x");
    assert_eq!(found.ids["names"], json!(["Web"]));
    assert_eq!(found.ids["cluster"], Json::Null);
    let web = &found.references[0];
    let Origin::Resource { id, kind, value, .. } = &web.origin else { panic!("{web:?}") };
    assert_eq!((id.as_str(), kind.as_str()), ("Web", "AWS::ECS::Service"));
    assert_eq!(*value, json!({"Fn::GetAtt": ["Web", "Name"]}));
    assert_eq!(web.pattern.as_deref(), Some("^[a-z]+$"));
}

#[test]
fn what_is_no_reference_is_told() {
    let cases = [
        ("names: [{resorce: Web}]", "a reference has no field `resorce`"),
        ("names: [{resource: Web, import: x}]", "a reference names one thing"),
        ("names: [{append: x}]", "a reference names one thing"),
        ("names: [{resource: We-b}]", "`resource` cannot be `We-b`"),
        ("names: [{resource: [Web]}]", "`resource` cannot be `[Web]`"),
        ("names: [{import: 'a${b'}]", "`import` cannot be `a${b`"),
        ("cluster: {resource: Web}", "this cannot be a resource of the template"),
        ("arn: {ssm: /x}", "this cannot be a reference"),
    ];
    for (text, message) in cases {
        let found = extracted(text, true);
        assert_eq!(found.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message], "{text}");
    }
    let told = extracted("names: [{resource: Web}]", false).problems;
    assert_eq!(told[0].to_string(), "`Web` is a logical id, and the file names no template");
}

#[test]
fn one_reference_twice_is_one() {
    let found = extracted("names: [{resource: Web}, {resource: Web, append: '-001'}]", true);
    assert_eq!(found.references.len(), 1);
}
