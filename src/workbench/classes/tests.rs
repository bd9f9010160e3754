//! Claims about the classes of small worlds.

use std::collections::BTreeSet;

use super::*;
use crate::authorize::Doable;
use crate::identify::Who;

fn noon() -> Moment {
    Moment {
        weekday: "thu",
        minute_of_day: 720,
        date: 20_261_126,
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn world(literals: Vec<Literals>) -> World {
    let pair = |group: &str| vec![("okta".to_owned(), group.to_owned())];
    World {
        teams: vec![("a".to_owned(), pair("ga")), ("b".to_owned(), pair("gb"))],
        groups: vec![("acme".to_owned(), None), ("beta".to_owned(), Some(7))],
        projects: vec!["X".to_owned(), "Y".to_owned()],
        actions: vec![Doable {
            action: "streams.read".to_owned(),
            class: Class::Read,
            kind: "Stream".to_owned(),
            groups: vec!["read"],
            in_project: true,
            in_none: false,
        }],
        literals,
        ..World::default()
    }
}

fn kind<'a>(classes: &'a Classes, name: &str) -> &'a Kind {
    let mut kinds = classes.kinds.iter();
    kinds.find(|kind| kind.name == name).unwrap()
}

#[test]
fn what_no_policy_reads_makes_no_class() {
    let classes = Classes::of(&[world(Vec::new())], noon());
    let jobs = &kind(&classes, "Job").callers;
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["CI acme/*", "CI unlisted/*"]);
    assert_eq!(kind(&classes, "Person").callers.len(), 1);
    assert_eq!(
        kind(&classes, "Person").asks.len(),
        1,
        "no project is named"
    );
    assert!(classes.uncovered().is_empty());
}

#[test]
fn each_literal_has_an_inside_and_an_outside() {
    let mut literals = Literals {
        caller: Some("Job".to_owned()),
        ..Literals::default()
    };
    literals.entities.insert("Group".to_owned(), set(&["beta"]));
    literals.texts.insert("ref".to_owned(), set(&["release/*"]));
    literals.reads.extend(set(&["ref", "ref_protected"]));
    let classes = Classes::of(&[world(vec![literals])], noon());
    let jobs = &kind(&classes, "Job").callers;
    assert_eq!(
        jobs.len(),
        3 * 2 * 2,
        "beta, acme, unlisted; ref; protected"
    );
    let refs: BTreeSet<&str> = jobs
        .iter()
        .map(|job| match &job.facts.who {
            Who::Job(job) => job.git_ref.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(refs, BTreeSet::from(["main", "release/x"]));
    assert_eq!(
        kind(&classes, "Person").callers.len(),
        1,
        "jobs' rules are not theirs"
    );
}

#[test]
fn a_span_of_hours_has_a_minute_before_in_and_after_it() {
    let mut literals = Literals::default();
    literals.reads.extend(set(&["minute_of_day", "weekday"]));
    let bounds = BTreeSet::from([540, 1080]);
    literals.bounds.insert("minute_of_day".to_owned(), bounds);
    literals.weekdays = vec![set(&["mon", "tue"])];
    let moments = moments_of(&literals, noon());
    let minutes: BTreeSet<i64> = moments.iter().map(|one| one.minute_of_day).collect();
    assert_eq!(minutes, BTreeSet::from([0, 720, 1080]));
    let days: BTreeSet<&str> = moments.iter().map(|one| one.weekday).collect();
    assert_eq!(days, BTreeSet::from(["mon", "wed"]));
    assert_eq!((moments[0].weekday, moments[0].minute_of_day), ("mon", 720));
}

#[test]
fn a_last_day_has_the_day_after_it_also_at_the_end_of_a_month() {
    let mut literals = Literals::default();
    literals.reads.insert("date".to_owned());
    let after = BTreeSet::from([20_261_232]);
    literals.bounds.insert("date".to_owned(), after);
    let moments = moments_of(&literals, noon());
    let dates: Vec<i64> = moments.iter().map(|one| one.date).collect();
    assert_eq!(dates, [20_261_126, 20_270_101]);
}

#[test]
fn somebody_can_be_in_two_teams_that_policies_name() {
    let mut literals = Literals::default();
    literals
        .entities
        .insert("Team".to_owned(), set(&["a", "b"]));
    let classes = Classes::of(&[world(vec![literals])], noon());
    let names: Vec<&str> = kind(&classes, "Person")
        .callers
        .iter()
        .map(|caller| caller.name.as_str())
        .collect();
    let nobody = "person of no named team";
    assert_eq!(
        names,
        [nobody, "person of a", "person of b", "person of a and b"]
    );
}

#[test]
fn a_group_that_another_directory_gives_to_another_team_is_a_class() {
    let mut literals = Literals::default();
    literals.entities.insert("Team".to_owned(), set(&["a"]));
    let before = world(vec![literals]);
    let mut after = before.clone();
    after.teams[0].1 = vec![("okta".to_owned(), "new".to_owned())];
    let classes = Classes::of(&[before, after], noon());
    let groups: BTreeSet<String> = kind(&classes, "Person")
        .callers
        .iter()
        .flat_map(|caller| match &caller.facts.who {
            Who::Person(person) => person.groups.clone(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(groups, set(&["ga", "new"]));
}

#[test]
fn what_no_changed_policy_can_apply_to_is_not_tried() {
    let about = |kind: &str, text: &str, scope: &str| Literals {
        caller: Some(kind.to_owned()),
        text: text.to_owned(),
        scope: Some(set(&[scope])),
        actions: vec![set(&[scope])],
        ..Literals::default()
    };
    let before = world(vec![
        about("Job", "a", "read"),
        about("Person", "b", "read"),
    ]);
    let kinds = |after: &World| -> Vec<&'static str> {
        let worlds = [before.clone(), after.clone()];
        let classes = Classes::of(&worlds, noon()).without_unchanged(&worlds);
        classes.kinds.iter().map(|kind| kind.name).collect()
    };
    assert!(kinds(&before.clone()).is_empty());
    let read = world(vec![
        about("Job", "a", "read"),
        about("Person", "c", "read"),
    ]);
    assert_eq!(kinds(&read), ["Person"]);
    let mut more = before.clone();
    more.literals.push(about("Job", "d", "delete"));
    assert!(kinds(&more).is_empty(), "nothing here is deleted");
    let mut moved = before.clone();
    moved.projects.push("Z".to_owned());
    assert_eq!(kinds(&moved), ["Job", "Person", "Agent"]);
}

#[test]
fn too_many_combinations_are_thinned_and_it_is_said() {
    let mut literals = Literals {
        caller: Some("Job".to_owned()),
        ..Literals::default()
    };
    for attribute in [
        "ref",
        "workflow",
        "sha",
        "visibility",
        "access_level",
        "job_source",
    ] {
        literals.reads.insert(attribute.to_owned());
        let texts = set(&["1", "2", "3"]);
        literals.texts.insert(attribute.to_owned(), texts);
    }
    let classes = Classes::of(&[world(vec![literals])], noon());
    assert_eq!(classes.uncovered().len(), 1);
    assert!(kind(&classes, "Job").callers.len() > 100);
}
