//! Snapshots of the proxy, set and undone.

use dib_core::Phase;

use crate::{debian, hostile};

#[test]
fn uses_the_proxy_and_is_undone() {
    let fixture = debian().variable("http_proxy", "http://proxy.example.org:3128");
    insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @r#"
    journal
      write /etc/apt/apt.conf.d/60img-build-proxy 0644 (54 bytes)
    target
      + /etc/apt/apt.conf.d/60img-build-proxy 0644
        | Acquire::http::Proxy "http://proxy.example.org:3128";
    "#);
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "50-remove-img-build-proxy"), @"
    journal
      remove /etc/apt/apt.conf.d/60img-build-proxy
    target
      - /etc/apt/apt.conf.d/60img-build-proxy 0644
    ");
}

#[test]
fn does_nothing_without_a_proxy() {
    insta::assert_snapshot!(debian().record(Phase::Root, "50-build-with-http-cache"), @"
    journal
      nothing to do: http_proxy is not set
    ");
    insta::assert_snapshot!(debian().record(Phase::Cleanup, "50-remove-img-build-proxy"), @"");
}

#[test]
fn refuses_a_proxy_that_would_be_more_than_one_setting() {
    let fixture = debian().variable("http_proxy", "x\"; APT::Update::Pre-Invoke {\"true\"};");
    insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @r#"
    error
      the variable http_proxy is "x\"; APT::Update::Pre-Invoke {\"true\"};": an address without quotes and control characters is needed
    "#);
}

#[test]
fn follows_no_link_out_of_the_target() {
    let fixture = hostile("/etc").variable("http_proxy", "http://proxy.example.org:3128");
    insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @"
    error
      failed to create the directory /etc in the target
      File exists (os error 17)
    ");
}
