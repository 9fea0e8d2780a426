//! The play: the life of one Application and of claims written by hand, driven through the commands that users run.

pub mod book;
mod composites;
mod figures;
mod live;
mod order;
mod production;
mod settings;
mod user;

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use self::book::Book;
use self::figures::{Figures, Run};
use self::user::{BEFOREHAND, User};
use crate::stage::{Settings, Stage};
use support::examples::{documents, project, read};

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";

/// Length of the quiet period, in which nothing may be written.
const QUIET: Duration = Duration::from_mins(3);

/// Time limit for a deletion, once no other claim blocks it.
const GONE: Duration = Duration::from_mins(2);

/// Runs the play, with the flags of the install guide or with the default flags of Crossplane and the providers.
pub fn play(default_flags: bool) {
    let settings = Settings { guided: !default_flags, replicas: 2 };
    let run = Run::of(&settings);
    let mut stage = Stage::start(run.folder(), &settings);
    let book = Book::open(&stage.host.administrator());
    let mut figures = Figures::new(run, stage.took);
    by_application(&stage, &book, &mut figures);
    // A deleted virtual cluster deletes everything inside. The stage's inner cluster survives, so that it is emptied
    // here.
    book.say("the stage empties the inner cluster, as its end would");
    stage.inner.renew();
    by_claims(&stage, &book, &mut figures);
    figures.publish();
}

/// Plays the form without claims: from claims to composites, and to nothing left.
pub fn without_claims() {
    let settings = Settings { guided: true, replicas: 2 };
    let stage = Stage::start("without-claims", &settings);
    let book = Book::open(&stage.host.administrator());
    composites::play(&User::new(&stage, &book), &Figures::new(Run::of(&settings), stage.took));
}

/// Plays the example for production, with faults of its engines.
pub fn production() {
    let stage = Stage::start("production", &Settings { guided: true, replicas: 2 });
    let book = Book::open(&stage.host.administrator());
    let mut acts = production::Acts::of("production");
    production::application(&User::new(&stage, &book), &mut acts);
    acts.publish();
}

/// Plays the deletion of one plant of the example for production in every order.
pub fn deletions() {
    let mut stage = Stage::start("deletions", &Settings { guided: true, replicas: 2 });
    let book = Book::open(&stage.host.administrator());
    let mut acts = production::Acts::of("deletions");
    for order in production::ORDERS {
        production::deletion(&User::new(&stage, &book), order, &mut acts);
        stage.inner.renew();
    }
    production::deletion_without_operator(&User::new(&stage, &book), &mut acts);
    acts.publish();
}

/// The Application's life, from `vela up` to `vela delete`.
fn by_application(stage: &Stage, book: &Book, figures: &mut Figures) {
    let user = User::new(stage, book);
    let mut application: Value = documents(&read(APPLICATION)).remove(0);
    user.platform_team_prepares(BEFOREHAND, "health-streaming", &["lenses-license", "health-streaming-certificate"]);
    book.say("a user: vela up");
    let limit = figures.limit();
    let settled = user.up(&application, limit);
    figures.settled(stage, settled);
    user.everything_is_there(&project().join(APPLICATION), &application);
    let (wrong, parts) = order::check(&order::plan(&project().join(APPLICATION)), &book.read());
    for part in &parts {
        println!(
            "{:>7.1} s  {} {}: released, ready after {:.1} s",
            part.released,
            part.claim,
            part.name,
            part.ready - part.released
        );
    }
    assert!(wrong.is_empty(), "not in the declared order:\n{}", wrong.join("\n"));
    figures.parts(parts, book);
    quiet(&user, figures);
    changes(&user, &mut application);
    book.say("a user: vela delete");
    let started = book.now();
    user.delete_application(&application);
    user.until("nothing is left of it", GONE, || user.nothing_is_left("health-streaming", &["health-streaming"]));
    figures.deleted = book.now() - started;
    book.say("nothing is left of it");
}

/// Checks a settled platform: nothing is written, and the function is called only when its TTL expires.
fn quiet(user: &User, figures: &mut Figures) {
    user.until("settled once more", Duration::from_mins(2), || user.rest());
    let (before, calls) = (user.versions(), user.calls());
    thread::sleep(QUIET);
    let (after, calls) = (user.versions(), user.calls() - calls);
    for (name, version) in &before {
        assert_eq!(after.get(name), Some(version), "{name} was written while nothing was asked for");
    }
    assert_eq!(before.len(), after.len());
    let each = figures.run.calls_each_time();
    let by_ttl = 3.0 * each * QUIET.as_secs_f64() / 60.0;
    assert!(
        (by_ttl - 3.0 * each..=by_ttl + 3.0 * each).contains(&calls),
        "{calls} calls in {QUIET:?}, where the TTL asks for {by_ttl}"
    );
    figures.quiet(calls);
    user.book.say(&format!("in {QUIET:?} nothing was written, and the function was called {calls} times"));
}

/// Checks that allowed changes take effect, and that the API server rejects the others with the messages of our
/// validation rules.
fn changes(user: &User, application: &mut Value) {
    let job = |user: &User| user.inner_names("jobs", "health-streaming", "kafka-topics-");
    let before = job(user);
    live::nothing_changes(user);
    application["spec"]["components"][1]["properties"]["kafkaConfig"]["topics"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "alerts", "partitions": 1}));
    let plan = live::plan(user, &[&user.write("with-topic.yaml", application)]);
    user.book.say("a user adds a topic");
    user.up(application, Duration::from_mins(2));
    plan.holds(user, Duration::from_mins(1));
    let after = job(user);
    assert!(before.len() == 1 && after.len() == 1 && before != after, "{before:?}, then {after:?}");

    let refused = [
        (
            "vclusterenvironmentclaim/health-streaming-env",
            json!({"components": {"istio": false}}),
            "cannot be switched off after creation: everything that uses it would be lost",
        ),
        (
            "vclusterenvironmentclaim/health-streaming-env",
            json!({"name": "other"}),
            "cannot be changed after creation: create another claim for an environment of that name",
        ),
        (
            "realtimesystemclaim/health-lenses",
            json!({"namespace": "other"}),
            "cannot be changed after creation: create another claim for that namespace",
        ),
        (
            "iotbrokerclaim/health-mqtt",
            json!({"namespace": "other"}),
            "cannot be changed after creation: create another claim for that namespace",
        ),
    ];
    for (claim, spec, sentence) in refused {
        user.is_refused(claim, &spec, sentence);
    }

    let deployments = ["lenses-hq", "lenses-agent", "metabase-dashboard", "health-mqtt-broker"];
    let before = user.generations("health-streaming", &deployments);
    for component in [1, 2] {
        application["spec"]["components"][component]["properties"]["credentialsGeneration"] = json!(2);
    }
    let plan = live::plan(user, &[&user.write("with-credentials.yaml", application)]);
    user.book.say("a user raises the credentials' generation");
    user.up(application, Duration::from_mins(3));
    plan.holds(user, Duration::from_mins(1));
    let after = user.generations("health-streaming", &deployments);
    for (name, before) in before {
        assert!(after[&name] > before, "{name} did not get the new credentials");
    }
}

/// Claims written by hand: a component is enabled later, and the environment is deleted before the claims in it.
fn by_claims(stage: &Stage, book: &Book, figures: &mut Figures) {
    let user = User::new(stage, book);
    let mut claims = user::claims_of(&documents(&read("examples/variants/no-observability.yaml"))[0]);
    user.platform_team_prepares(BEFOREHAND, "streaming", &["lenses-license"]);
    book.say("another user: kubectl apply, three claims without observability");
    user.apply(&claims);
    user.until("the claims are settled", figures.limit(), || user.settled(&claims));

    claims[0]["spec"]["components"]["observability"] = json!(true);
    claims[1]["spec"]["monitoring"] = json!(true);
    book.say("they switch observability on");
    user.apply(&claims);
    user.until("observability is there", figures.limit(), || {
        user.settled(&claims)?;
        let there = user.inner_names("servicemonitors.monitoring.coreos.com", "streaming", "lenses-metrics");
        if there.len() == 1 { Ok(()) } else { Err("there is no ServiceMonitor".to_owned()) }
    });
    let off = json!({"components": {"observability": false}});
    user.is_refused("vclusterenvironmentclaim/streaming-env", &off, "cannot be switched off after creation");

    settings::settings(&user, &claims);

    book.say("they delete the environment first");
    user.delete("vclusterenvironmentclaim", "streaming-env");
    thread::sleep(Duration::from_secs(30));
    user.is_held_back("streaming-env", "streaming");
    book.say("it is held back; they delete system and broker");
    let started = book.now();
    user.delete("realtimesystemclaim", "streaming-lenses");
    user.delete("iotbrokerclaim", "streaming-mqtt");
    user.until("the environment is gone by itself", GONE, || user.nothing_is_left("streaming", &["streaming"]));
    figures.environment_first = book.now() - started;
    book.say("all of it is gone by itself");
}
