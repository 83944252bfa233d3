//! Settings of one group (KIP-848): told, changed, kept across a restart, and what they do to living members.

use crate::broker::{Broker, eventually};
use crate::client::Client;
use crate::member::{coordinator, enter, stay};
use kq::api::alter_configs::{self, AlterConfigs, AlterConfigsRequest};
use kq::api::describe_configs::{DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResource};
use kq::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigs, IncrementalAlterConfigsRequest,
};
use kq::api::list_config_resources::{ListConfigResources, ListConfigResourcesRequest};
use kq::error::ErrorCode;

/// Kafka's number of the resource type.
const GROUP: i8 = 32;
const SESSION: &str = "consumer.session.timeout.ms";
const BEAT: &str = "consumer.heartbeat.interval.ms";

/// Sets (a value) or takes back (`None`) settings of a group: code and message.
fn alter(client: &mut Client, group: &str, changes: &[(&str, Option<&str>)]) -> (ErrorCode, String) {
    let one = |(name, value): &(&str, Option<&str>)| AlterableConfig {
        name: name.to_string().into(),
        config_operation: i8::from(value.is_none()),
        value: value.map(|value| value.to_owned().into()),
    };
    let configs = changes.iter().map(one).collect();
    let resource = AlterConfigsResource { resource_type: GROUP, resource_name: group.into(), configs };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    client.call::<IncrementalAlterConfigs, _>(1, &request, |response| {
        let only = &response.responses[0];
        (ErrorCode::from_code(only.error_code), only.error_message.as_deref().unwrap_or_default().to_owned())
    })
}

/// Value, source and synonyms of one setting of a group; how many it has in all.
fn describe(client: &mut Client, group: &str, name: &str) -> (String, i8, String, usize) {
    let resource =
        DescribeConfigsResource { resource_type: GROUP, resource_name: group.into(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, ..Default::default() };
    client.call::<DescribeConfigs, _>(4, &request, |response| {
        let configs = &response.results[0].configs;
        let found = configs.iter().find(|config| config.name == name).unwrap();
        let synonym = |s: &kq::api::describe_configs::DescribeConfigsSynonym<'_>| {
            format!("{}:{}={}", s.source, s.name, s.value.as_deref().unwrap_or("-"))
        };
        let synonyms: Vec<String> = found.synonyms.iter().map(synonym).collect();
        (found.value.as_deref().unwrap_or("-").to_owned(), found.config_source, synonyms.join(" "), configs.len())
    })
}

fn listed(client: &mut Client) -> Vec<String> {
    let request = ListConfigResourcesRequest { resource_types: vec![GROUP] };
    client.call::<ListConfigResources, _>(1, &request, |response| {
        assert!(response.config_resources.iter().all(|resource| resource.resource_type == GROUP));
        response.config_resources.iter().map(|resource| resource.resource_name.to_string()).collect()
    })
}

#[test]
fn are_told_changed_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = coordinator(&broker);
    assert_eq!(client.create("t", 1, &[]), 0);
    let broker_says = format!("5:group.{SESSION}=45000");
    assert_eq!(describe(&mut client, "g", SESSION), ("45000".to_owned(), 5, broker_says.clone(), 17));
    assert_eq!(listed(&mut client), [""; 0]);
    let (code, epoch, interval) = client.consume(&enter("g", "m", "t"));
    assert_eq!((code, interval), (ErrorCode::None, 5_000));

    let set = [(SESSION, Some("50000")), (BEAT, Some("6000"))];
    assert_eq!(alter(&mut client, "g", &set), (ErrorCode::None, String::new()));
    let own = format!("8:{SESSION}=50000 {broker_says}");
    assert_eq!(describe(&mut client, "g", SESSION), ("50000".to_owned(), 8, own.clone(), 17));
    assert_eq!(describe(&mut client, "h", SESSION).0, "45000");
    assert_eq!(listed(&mut client), ["g"]);
    assert_eq!(client.consume(&stay("g", "m", epoch)), (ErrorCode::None, epoch, 6_000), "at once");
    assert_eq!(client.consume(&enter("h", "m", "t")), (ErrorCode::None, epoch, 5_000), "others go on as before");

    let refused = |client: &mut Client, name, value: &str| alter(client, "g", &[(name, Some(value))]);
    let invalid = |why: &str| (ErrorCode::InvalidConfig, why.to_owned());
    assert_eq!(
        refused(&mut client, SESSION, "44999"),
        invalid("consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms")
    );
    assert_eq!(refused(&mut client, "no.such", "1"), invalid("Unknown group config name: no.such"));
    let (code, why) = alter(&mut client, "", &[(SESSION, Some("50000"))]);
    assert_eq!((code, &*why), (ErrorCode::InvalidRequest, "Default group resources are not allowed."));

    assert_eq!(broker.stop(), Some(0));
    let broker = Broker::start(dir.path(), &["group.consumer.max.heartbeat.interval.ms=5500"]);
    let mut client = coordinator(&broker);
    assert_eq!(describe(&mut client, "g", SESSION), ("50000".to_owned(), 8, own, 17), "a restart changes nothing");
    assert_eq!(
        client.consume(&stay("g", "m", epoch)),
        (ErrorCode::None, epoch, 5_500),
        "the broker allows no more by now"
    );

    // AlterConfigs names what is left of the group's own settings.
    let left = alter_configs::AlterableConfig { name: SESSION.into(), value: Some("47000".into()) };
    let resource =
        alter_configs::AlterConfigsResource { resource_type: GROUP, resource_name: "g".into(), configs: vec![left] };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    let code = client.call::<AlterConfigs, _>(2, &request, |response| response.responses[0].error_code);
    assert_eq!(code, 0);
    assert_eq!(describe(&mut client, "g", SESSION).0, "47000");
    assert_eq!(describe(&mut client, "g", BEAT).1, 5);
    assert_eq!(client.consume(&stay("g", "m", epoch)), (ErrorCode::None, epoch, 5_000));
    assert_eq!(alter(&mut client, "g", &[(SESSION, None)]).0, ErrorCode::None);
    assert_eq!(listed(&mut client), [""; 0]);
}

#[test]
fn a_group_is_as_patient_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = ["group.consumer.min.session.timeout.ms=500", "group.consumer.min.heartbeat.interval.ms=100"];
    let broker = Broker::start(dir.path(), &bounds);
    let mut client = coordinator(&broker);
    assert_eq!(client.create("t", 1, &[]), 0);
    let [epoch, _] = ["hasty", "patient"].map(|group| {
        let (code, epoch, interval) = client.consume(&enter(group, "m", "t"));
        assert_eq!((code, interval), (ErrorCode::None, 5_000));
        epoch
    });
    let set = [(SESSION, Some("500")), (BEAT, Some("100"))];
    assert_eq!(alter(&mut client, "hasty", &set), (ErrorCode::None, String::new()));
    assert_eq!(client.consume(&stay("hasty", "m", epoch)), (ErrorCode::None, epoch, 100));
    eventually("its member is out", || client.consumers("hasty") == 0);
    assert_eq!(client.consume(&stay("hasty", "m", epoch)).0, ErrorCode::UnknownMemberId);
    assert_eq!(client.consume(&stay("patient", "m", epoch)).0, ErrorCode::None);
}
