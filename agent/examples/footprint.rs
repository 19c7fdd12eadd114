//! What one process holds that talks to all peers and watches the host: connects to what it is told, samples a hundred
//! times, and prints its own memory. `cargo build --profile agent -p healstack-agent --example footprint`, then
//! `footprint pgbouncer=127.0.0.1:6432 haproxy=/run/haproxy.sock redis=127.0.0.1:6379 metrics=127.0.0.1:9100 bus=system`;
//! what is not named is left out. The PgBouncer's user is `admin` with the password `secret`, and Redis's password that too.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use healstack_agent::bounds::Bounds;
use healstack_agent::host::process::{ProcessId, Snapshot, Stat};
use healstack_agent::host::psi::{Pressure, Stall, Threshold, Trigger};
use healstack_agent::host::sockets::{Owned, SockDiag, Which};
use healstack_agent::host::systemd::{Bus, Changes};
use healstack_agent::host::{cgroup, disk};
use healstack_agent::peers::haproxy::StatsSocket;
use healstack_agent::peers::http::HttpClient;
use healstack_agent::peers::pgbouncer::Console;
use healstack_agent::peers::prometheus::{Selector, scrape};
use healstack_agent::peers::redis::{Login, Redis};
use healstack_agent::secret::Secret;

const ROUNDS: u32 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    let secret = Secret::new("secret");
    let own = ProcessId::of(std::process::id())?;
    report("start", own)?;

    let mut console = match named("pgbouncer") {
        Some(at) => Some(Console::connect(&at.parse()?, "admin", Some(&secret), Bounds::LOCAL).await?),
        None => None,
    };
    report("PgBouncer", own)?;
    let mut redis = match named("redis") {
        Some(at) => {
            let login = Login { password: Some(secret), ..Login::default() };
            Some(Redis::connect(&at.parse()?, &login, Bounds::LOCAL).await?)
        }
        None => None,
    };
    report("Redis", own)?;
    let stats = named("haproxy").map(str::parse).transpose()?.map(|at| StatsSocket::new(at, Bounds::LOCAL));
    let page = match named("metrics") {
        Some(at) => {
            Some(HttpClient::new(at.parse()?, [], Bounds::LOCAL.at_most(64 << 20).within(Duration::from_mins(1)))?)
        }
        None => None,
    };
    let selectors = [Selector::metric("up"), Selector::metric("haproxy_server_weight")];
    let mut diag = SockDiag::open()?;
    let threshold = Threshold::try_new(Stall::Some, Duration::from_millis(200), Duration::from_secs(2))?;
    let _trigger = Trigger::set(Path::new("/proc/pressure/memory"), &threshold)?;
    let _changes = match named("bus") {
        Some("system") => Some(Changes::connect(&Bus::System, Duration::from_secs(2)).await?),
        Some(address) => Some(Changes::connect(&Bus::Address(address.to_owned()), Duration::from_secs(2)).await?),
        None => None,
    };
    report("D-Bus", own)?;

    let before = Stat::read(own.pid)?.cpu();
    for round in 0..ROUNDS {
        if let Some(console) = &mut console {
            console.pools().await?;
            console.clients(|_| false).await?;
        }
        if let Some(redis) = &mut redis {
            redis.info(None).await?;
        }
        if let Some(stats) = &stats {
            stats.servers(|_| true).await?;
        }
        if let Some(page) = &page {
            scrape(page, "/metrics", &selectors).await?;
        }
        let tree = Snapshot::take()?.tree(own);
        let owned = Owned::by(&tree)?;
        diag.sockets(Which::default(), Duration::from_secs(2), |socket| owned.contains(socket)).await?;
        own.memory()?;
        Pressure::read(Path::new("/proc/pressure/memory"))?;
        disk::space(Path::new("/"), Duration::from_secs(2)).await?;
        cgroup::of_process(own.pid)?;
        if round == 0 {
            report("one round", own)?;
        }
    }
    report("all rounds", own)?;
    let cpu = Stat::read(own.pid)?.cpu().saturating_sub(before);
    println!("CPU {:.2} ms a round", cpu.as_secs_f64() * 1000.0 / f64::from(ROUNDS));
    Ok(())
}

fn report(when: &str, own: ProcessId) -> Result<(), Box<dyn Error>> {
    let memory = own.memory()?;
    println!("{when:12} resident {:6} KiB, proportional {:6} KiB", memory.resident / 1024, memory.proportional / 1024);
    Ok(())
}
