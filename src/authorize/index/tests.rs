//! The index answers as the whole set does: decision, policies and errors, over random sets.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context, Decision, Entities, Entity, EntityId, EntityUid, Policy, PolicyId, PolicySet,
    RestrictedExpression, SlotId, Template,
};

use super::*;

#[test]
fn the_index_answers_as_the_whole_set_over_random_sets() {
    let authorizer = cedar::Authorizer::new();
    let mut tally = Tally::default();
    for seed in 1..=50 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let set = random_set(&mut dice);
        let index = Index::of(&set).unwrap();
        for _ in 0..REQUESTS {
            let asked = random_question(&mut dice);
            let whole = authorizer.is_authorized(&asked.request, &set, &asked.entities);
            let places = index.concerned(&index.numbers.scope(&asked));
            assert!(
                index.set_of(&places).is_some(),
                "the whole set would be asked"
            );
            let few = index.answer(&set, &authorizer, &asked);
            assert_eq!(told(&few), told(&whole), "set {seed}: {:?}", asked.request);
            tally.count(&whole);
        }
    }
    // What never happened was not compared.
    let Tally {
        allowed,
        forbidden,
        unmet,
        failed,
    } = tally;
    for (what, times) in [
        ("allowed", allowed),
        ("forbidden", forbidden),
        ("met by none", unmet),
        ("failed", failed),
    ] {
        assert!(times > 1_000, "{what}: {times}");
    }
}

#[test]
fn only_policies_whose_heads_hold_are_asked() {
    let mut set = PolicySet::new();
    for n in 0..500 {
        let text = format!("permit(principal in Team::\"t{n}\", action, resource);");
        set.add(Policy::parse(Some(PolicyId::new(format!("p{n}"))), text).unwrap())
            .unwrap();
    }
    set.add(
        Policy::parse(
            Some(PolicyId::new("all")),
            "forbid(principal, action, resource) when { false };",
        )
        .unwrap(),
    )
    .unwrap();
    let index = Index::of(&set).unwrap();
    let asked = question(["Person", "p"], &["t7"], ["Dashboard", "d"], &["x0"], "a0");
    let places = index.concerned(&index.numbers.scope(&asked));
    let ids: Vec<String> = places
        .iter()
        .map(|place| index.policies[*place].policy.id().to_string())
        .collect();
    assert_eq!(ids, ["all", "p7"]);
}

/// Of each of 50 sets.
const REQUESTS: usize = 2_000;

#[derive(Default)]
struct Tally {
    allowed: usize,
    forbidden: usize,
    unmet: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, answer: &cedar::Response) {
        let by_one = answer.diagnostics().reason().next().is_some();
        match (answer.decision(), by_one) {
            (Decision::Allow, _) => self.allowed += 1,
            (Decision::Deny, true) => self.forbidden += 1,
            (Decision::Deny, false) => self.unmet += 1,
        }
        if answer.diagnostics().errors().next().is_some() {
            self.failed += 1;
        }
    }
}

fn told(answer: &cedar::Response) -> (Decision, BTreeSet<String>, BTreeSet<String>) {
    let diagnostics = answer.diagnostics();
    (
        answer.decision(),
        diagnostics.reason().map(ToString::to_string).collect(),
        diagnostics.errors().map(ToString::to_string).collect(),
    )
}

/// Numbers that look random and are the same in each run (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len())]
    }
}

const KINDS: &[&str] = &["Person", "Job", "Agent"];
const THINGS: &[&str] = &["Dashboard", "Stream"];
const CONDITIONS: &[&str] = &[
    "",
    "",
    "when { principal.flag }",
    "unless { principal.flag }",
    "when { context.minute < 30 }",
    "when { principal has missing && principal.missing }",
    "when { principal.missing == 1 }",
    "unless { resource.missing > context.minute }",
    "when { resource in Project::\"x1\" }",
    "when { context.minute + 9223372036854775807 > 0 }",
];

fn random_set(dice: &mut Dice) -> PolicySet {
    let mut set = PolicySet::new();
    for n in 0..5 + dice.roll(30) {
        let effect = if dice.roll(4) == 0 {
            "forbid"
        } else {
            "permit"
        };
        let principal = match dice.roll(6) {
            0 => "principal".to_owned(),
            1 => format!("principal is {}", dice.one_of(KINDS)),
            2 => format!("principal in Team::\"t{}\"", dice.roll(5)),
            3 => format!(
                "principal is {} in Team::\"t{}\"",
                dice.one_of(KINDS),
                dice.roll(5)
            ),
            4 => format!("principal == {}::\"n{}\"", dice.one_of(KINDS), dice.roll(4)),
            _ => format!("principal in {}::\"n{}\"", dice.one_of(KINDS), dice.roll(4)),
        };
        let action = match dice.roll(5) {
            0 => "action".to_owned(),
            1 => format!("action == Action::\"a{}\"", dice.roll(6)),
            2 => format!("action in Action::\"g{}\"", dice.roll(3)),
            3 => format!(
                "action in [Action::\"a{}\", Action::\"g{}\"]",
                dice.roll(6),
                dice.roll(3)
            ),
            _ => "action in []".to_owned(),
        };
        let resource = match dice.roll(5) {
            0 => "resource".to_owned(),
            1 => format!("resource is {}", dice.one_of(THINGS)),
            2 => format!("resource in Project::\"x{}\"", dice.roll(4)),
            3 => format!(
                "resource is {} in Project::\"x{}\"",
                dice.one_of(THINGS),
                dice.roll(4)
            ),
            _ => format!("resource == {}::\"n{}\"", dice.one_of(THINGS), dice.roll(4)),
        };
        let condition = dice.one_of(CONDITIONS);
        let text = format!("{effect}({principal}, {action}, {resource}) {condition};");
        let id = PolicyId::new(format!("p{n}"));
        set.add(Policy::parse(Some(id), text).unwrap()).unwrap();
    }
    for n in 0..dice.roll(20) {
        link(&mut set, n, dice);
    }
    set
}

/// One link of a template with one slot or two, as bindings are.
fn link(set: &mut PolicySet, n: usize, dice: &mut Dice) {
    let both = dice.roll(2) == 0;
    let kind = dice.one_of(KINDS);
    let on = if both {
        "resource in ?resource"
    } else {
        "resource"
    };
    let action = dice.roll(6);
    let condition = dice.one_of(CONDITIONS);
    let text = format!(
        "permit(principal is {kind} in ?principal, action in [Action::\"a{action}\"], {on}) {condition};"
    );
    let template = PolicyId::new(format!("template {n}"));
    set.add_template(Template::parse(Some(template.clone()), text).unwrap())
        .unwrap();
    let mut slots = HashMap::from([(
        SlotId::principal(),
        uid("Team", &format!("t{}", dice.roll(5))),
    )]);
    if both {
        slots.insert(
            SlotId::resource(),
            uid("Project", &format!("x{}", dice.roll(4))),
        );
    }
    set.link(template, PolicyId::new(format!("link {n}")), slots)
        .unwrap();
}

fn random_question(dice: &mut Dice) -> Asked {
    let name = format!("n{}", dice.roll(4));
    let thing = format!("n{}", dice.roll(4));
    let teams: Vec<String> = (0..dice.roll(3))
        .map(|_| format!("t{}", dice.roll(5)))
        .collect();
    let teams: Vec<&str> = teams.iter().map(String::as_str).collect();
    let projects = [format!("x{}", dice.roll(4))];
    let projects: Vec<&str> = projects
        .iter()
        .map(String::as_str)
        .take(dice.roll(2))
        .collect();
    let action = format!("a{}", dice.roll(6));
    let kind = dice.one_of(KINDS);
    let on = dice.one_of(THINGS);
    question([kind, &name], &teams, [on, &thing], &projects, &action)
}

fn question(
    principal: [&str; 2],
    teams: &[&str],
    resource: [&str; 2],
    projects: &[&str],
    action: &str,
) -> Asked {
    let [kind, name] = principal;
    let who = uid(kind, name);
    let flag = RestrictedExpression::new_bool(name.ends_with(['0', '1']));
    let parents = teams.iter().map(|team| uid("Team", team)).collect();
    let principal = Entity::new(
        who.clone(),
        HashMap::from([("flag".to_owned(), flag)]),
        parents,
    );
    let [kind, id] = resource;
    let what = uid(kind, id);
    let parents = projects.iter().map(|name| uid("Project", name)).collect();
    let resource = Entity::new_no_attrs(what.clone(), parents);
    let group = format!(
        "g{}",
        action.len() + usize::from(action.ends_with(['0', '2'])) - 2
    );
    let doing = uid("Action", action);
    let groups = HashSet::from([uid("Action", &group)]);
    let action = Entity::new_no_attrs(doing.clone(), groups);
    let minute = RestrictedExpression::new_long(if id.ends_with('3') { 20 } else { 40 });
    let context = Context::from_pairs([("minute".to_owned(), minute)]).unwrap();
    Asked {
        request: cedar::Request::new(who, doing, what, context, None).unwrap(),
        entities: Entities::from_entities([principal.unwrap(), resource, action], None).unwrap(),
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), EntityId::new(id))
}
