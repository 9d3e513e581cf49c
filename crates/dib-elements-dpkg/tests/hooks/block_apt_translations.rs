//! Snapshots of translations that are not fetched.

use dib_core::Phase;

use crate::{debian, hostile};

#[test]
fn removes_translations_but_leaves_partial_alone() {
    let fixture = debian()
        .file(
            "/var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en",
            "x\n",
        )
        .file(
            "/var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de",
            "x\n",
        )
        .file(
            "/var/lib/apt/lists/example.org_dists_noble_main_binary-amd64_Packages",
            "x\n",
        )
        .file(
            "/var/lib/apt/lists/partial/example.org_i18n_Translation-fr",
            "x\n",
        )
        .symlink("/etc/passwd", "/var/lib/apt/lists/linked_i18n_Translation-en");
    insta::assert_snapshot!(fixture.record(Phase::Root, "60-block-apt-translations"), @r#"
    journal
      write /etc/apt/apt.conf.d/95no-translations 0644 (27 bytes)
      remove /var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de
      remove /var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en
    target
      + /etc/apt/apt.conf.d/95no-translations 0644
        | Acquire::Languages "none";
      - /var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de 0644
      - /var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en 0644
    "#);
}

#[test]
fn needs_no_lists() {
    insta::assert_snapshot!(debian().record(Phase::Root, "60-block-apt-translations"), @r#"
    journal
      write /etc/apt/apt.conf.d/95no-translations 0644 (27 bytes)
    target
      + /etc/apt/apt.conf.d/95no-translations 0644
        | Acquire::Languages "none";
    "#);
}

#[test]
fn follows_no_link_out_of_the_target() {
    insta::assert_snapshot!(hostile("/etc").record(Phase::Root, "60-block-apt-translations"), @"
    error
      failed to create the directory /etc in the target
      File exists (os error 17)
    ");
}
