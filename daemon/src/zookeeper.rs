//! The ZooKeeper ensemble that holds the metadata, for the core: one helper thread keeps a session, asks what the core
//! asks, and posts what is heard.
//!
//! Requests leave in the order of asking. A session that is over is followed by another one; nobody asks in between.

use crate::mailbox::Mailbox;
use crate::store::Done;
use futures::future::{AbortHandle, Abortable};
use futures::stream::{FuturesUnordered, StreamExt};
use kq::config::ZooKeeperSettings;
use kq::event::{Ask, Change, EnsembleFault, Found, Heard, Level, Life};
use kq::meta::ensemble::{CLUSTER_ID, cluster_id_node, cluster_id_of};
use kq::types::Uuid;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zookeeper_client::{
    Acls, Client, CreateMode, CreateOptions, Error, MultiWriteError, OneshotWatcher, SessionState, StateWatcher,
};

/// After an attempt to get a session failed, the next one is made so much later.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a stop waits until the session is closed, so that what belongs to it is gone at once.
const CLOSE: Duration = Duration::from_secs(1);

const LASTING: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
const OF_SESSION: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());

enum Order {
    Ask(Ask),
    /// End the session; say so when it is done.
    Close(mpsc::Sender<()>),
}

/// The thread's handle. It is started by the first question.
pub struct ZooKeeper {
    settings: ZooKeeperSettings,
    mailbox: Mailbox<Done>,
    orders: Option<UnboundedSender<Order>>,
}

impl ZooKeeper {
    /// Nothing is asked yet.
    pub fn new(settings: ZooKeeperSettings, mailbox: Mailbox<Done>) -> ZooKeeper {
        ZooKeeper { settings, mailbox, orders: None }
    }

    /// Asks.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn ask(&mut self, ask: Ask) -> Result<(), String> {
        let orders = match &self.orders {
            Some(orders) => orders,
            None => self.orders.insert(start(self.settings.clone(), self.mailbox.clone())?),
        };
        // The thread ends only when it is told to.
        let _ = orders.send(Order::Ask(ask));
        Ok(())
    }

    /// Ends the session, if there is one.
    pub fn close(&mut self) {
        if let Some(orders) = self.orders.take() {
            let (done, wait) = mpsc::channel();
            let _ = orders.send(Order::Close(done));
            let _ = wait.recv_timeout(CLOSE);
        }
    }
}

/// The id of the cluster that an ensemble keeps. `known` is what this node's directories belong to; the first node of a
/// cluster makes an id.
///
/// # Errors
/// One line: an ensemble that cannot be reached, or that belongs to another cluster.
pub fn cluster_id(
    settings: &ZooKeeperSettings,
    known: Option<Uuid>,
    new_id: impl FnOnce() -> Result<Uuid, String>,
) -> Result<Uuid, String> {
    let connect = settings.connect();
    let failed = |e: Error| format!("cannot read the cluster's id in ZooKeeper at {connect}: {e}");
    let timeout = Duration::from_millis(settings.connection_timeout_ms.max(1).unsigned_abs());
    runtime()?.block_on(async {
        let connected = async {
            loop {
                match connect_to(settings).await {
                    Err(Error::Timeout | Error::NoHosts | Error::ConnectionLoss) => tokio::time::sleep(AGAIN).await,
                    other => break other,
                }
            }
        };
        let client = tokio::time::timeout(timeout, connected).await.map_err(|_| {
            format!(
                "ZooKeeper at {connect} does not answer within {} ms (hint: is it running? zookeeper.connect and \
                 zookeeper.connection.timeout.ms say where and how long)",
                timeout.as_millis()
            )
        })?;
        let client = client.map_err(failed)?;
        let found = find_id(&client, known, new_id).await;
        close(client).await;
        match found.map_err(|e| e.unwrap_or_else(failed))? {
            id if known.is_none_or(|known| known == id) => Ok(id),
            id => Err(format!(
                "ZooKeeper at {connect} keeps cluster {id}, and the log directories belong to another one (hint: is \
                 zookeeper.connect right, its chroot among it?)"
            )),
        }
    })
}

/// An error of the ensemble, or of something else.
enum Why {
    Ensemble(Error),
    Other(String),
}

impl Why {
    fn unwrap_or_else(self, text: impl FnOnce(Error) -> String) -> String {
        match self {
            Why::Ensemble(error) => text(error),
            Why::Other(why) => why,
        }
    }
}

async fn find_id(
    client: &Client,
    known: Option<Uuid>,
    new_id: impl FnOnce() -> Result<Uuid, String>,
) -> Result<Uuid, Why> {
    let mut made = None;
    let mut new_id = Some(new_id);
    loop {
        match client.get_data(CLUSTER_ID).await {
            Ok((json, _)) => {
                let id = cluster_id_of(&json).ok_or_else(|| {
                    Why::Other(format!(
                        "{CLUSTER_ID} in ZooKeeper holds no cluster id: {}",
                        String::from_utf8_lossy(&json)
                    ))
                })?;
                return Ok(id);
            }
            Err(Error::NoNode) => {}
            Err(error) => return Err(Why::Ensemble(error)),
        }
        if let Some(known) = known {
            return Err(Why::Other(format!(
                "ZooKeeper keeps no cluster there, and the log directories belong to cluster {known} (hint: is \
                 zookeeper.connect right, its chroot among it?)"
            )));
        }
        if let Some(new_id) = new_id.take() {
            made = Some(new_id().map_err(Why::Other)?);
        }
        let Some(id) = made else { continue };
        let parent = CLUSTER_ID.rsplit_once('/').map_or("/", |(parent, _)| parent);
        for (path, data) in [(parent, Vec::new()), (CLUSTER_ID, cluster_id_node(id))] {
            match client.create(path, &data, &LASTING).await {
                Ok(_) | Err(Error::NodeExists) => {}
                Err(error) => return Err(Why::Ensemble(error)),
            }
        }
    }
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| format!("cannot set up the connection to ZooKeeper: {e}"))
}

fn start(settings: ZooKeeperSettings, mailbox: Mailbox<Done>) -> Result<UnboundedSender<Order>, String> {
    let (sender, orders) = unbounded_channel();
    let runtime = runtime()?;
    thread::Builder::new()
        .name("kqd-zookeeper".to_owned())
        .spawn(move || runtime.block_on(serve(&settings, orders, &mailbox)))
        .map_err(|e| format!("cannot start the thread for ZooKeeper: {e}"))?;
    Ok(sender)
}

/// Connects, and makes the chroot.
async fn connect_to(settings: &ZooKeeperSettings) -> Result<Client, Error> {
    let session_timeout = Duration::from_millis(settings.session_timeout_ms.max(1).unsigned_abs());
    let connector = Client::connector().with_session_timeout(session_timeout);
    let client = connector.connect(&settings.servers.join(",")).await?;
    if settings.chroot.is_empty() {
        return Ok(client);
    }
    client.mkdir(&settings.chroot, &LASTING).await?;
    client.chroot(settings.chroot.clone()).map_err(|_| Error::BadArguments(&"the chroot is no path"))
}

/// Lets a session go, and waits until the ensemble knows.
async fn close(client: Client) {
    let mut state = client.state_watcher();
    drop(client);
    let over = async { while !state.changed().await.is_terminated() {} };
    let _ = tokio::time::timeout(CLOSE, over).await;
}

/// Session after session.
async fn serve(settings: &ZooKeeperSettings, mut orders: UnboundedReceiver<Order>, mailbox: &Mailbox<Done>) {
    let note = |level, message: String| mailbox.post(Done::Note { level, message });
    let connect = settings.connect();
    let mut said = String::new();
    loop {
        let client = tokio::select! {
            client = connect_to(settings) => client,
            done = closed(&mut orders) => {
                let _ = done.send(());
                return;
            }
        };
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let message = format!("ZooKeeper at {connect} cannot be reached: {error}; trying again");
                if message != said {
                    note(Level::Warn, message.clone());
                    said = message;
                }
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        said.clear();
        let timeout = client.session_timeout().as_millis();
        note(Level::Info, format!("ZooKeeper at {connect}: session {} of {timeout} ms", client.session_id()));
        match hold(&client, &mut orders, mailbox).await {
            Some(done) => {
                close(client).await;
                let _ = done.send(());
                return;
            }
            None => {
                note(Level::Warn, format!("ZooKeeper at {connect}: session {} is over", client.session_id()));
                mailbox.post(Done::Ensemble(Heard::Expired));
            }
        }
    }
}

/// Waits for the order to close; what is asked without a session is void.
async fn closed(orders: &mut UnboundedReceiver<Order>) -> mpsc::Sender<()> {
    loop {
        match orders.recv().await {
            Some(Order::Close(done)) => return done,
            Some(Order::Ask(_)) => {}
            None => return mpsc::channel().0,
        }
    }
}

type Later<'c, T> = Pin<Box<dyn Future<Output = T> + 'c>>;

/// What came of a question; a watch goes on.
struct Answer {
    id: u64,
    result: Result<Found, Error>,
    watch: Option<(String, OneshotWatcher)>,
}

/// Keeps a session until it is over, or until the order to close comes.
async fn hold(
    client: &Client,
    orders: &mut UnboundedReceiver<Order>,
    mailbox: &Mailbox<Done>,
) -> Option<mpsc::Sender<()>> {
    let heard = |heard: Heard| mailbox.post(Done::Ensemble(heard));
    let session = Heard::Session { id: client.session_id().0 };
    let mut state: StateWatcher = client.state_watcher();
    let mut answers: FuturesUnordered<Later<'_, Answer>> = FuturesUnordered::new();
    let mut watches: FuturesUnordered<Abortable<Later<'_, String>>> = FuturesUnordered::new();
    let mut watched: BTreeMap<String, AbortHandle> = BTreeMap::new();
    heard(session.clone());
    loop {
        tokio::select! {
            state = state.changed() => match state {
                SessionState::SyncConnected => heard(session.clone()),
                SessionState::Disconnected | SessionState::ConnectedReadOnly => heard(Heard::Silence),
                _ => return None,
            },
            order = orders.recv() => match order {
                Some(Order::Ask(ask)) => answers.extend(send(client, ask)),
                Some(Order::Close(done)) => return Some(done),
                None => return Some(mpsc::channel().0),
            },
            Some(Answer { id, result, watch }) = answers.next() => {
                heard(Heard::Answer { id, result: result.map_err(fault) });
                if let Some((path, watcher)) = watch {
                    let (handle, registration) = AbortHandle::new_pair();
                    if let Some(before) = watched.insert(path.clone(), handle) {
                        before.abort();
                    }
                    let changed: Later<'_, String> = Box::pin(async move {
                        watcher.changed().await;
                        path
                    });
                    watches.push(Abortable::new(changed, registration));
                }
            }
            Some(changed) = watches.next() => if let Ok(path) = changed {
                watched.remove(&path);
                heard(Heard::Changed { path });
            },
        }
    }
}

/// Sends a question at once; its answer comes later.
fn send(client: &Client, ask: Ask) -> Option<Later<'_, Answer>> {
    Some(match ask {
        Ask::Begin => return None,
        Ask::Read { id, path } => {
            let read = client.get_data(&path);
            Box::pin(async move {
                let result = match read.await {
                    Ok((data, stat)) => Ok(Found::Node { data, version: stat.version, owner: stat.ephemeral_owner }),
                    Err(Error::NoNode) => Ok(Found::Nothing),
                    Err(error) => Err(error),
                };
                Answer { id, result, watch: None }
            })
        }
        Ask::Watch { id, path } => {
            // Where there is no node, that is all that can be watched; where there is one, its data.
            let there = client.check_stat(&path);
            Box::pin(async move {
                let mut first = there.await.map(|stat| stat.is_some());
                loop {
                    let (result, watcher) = match first {
                        Ok(true) => match client.get_and_watch_data(&path).await {
                            Ok((data, stat, watcher)) => {
                                let owner = stat.ephemeral_owner;
                                (Ok(Found::Node { data, version: stat.version, owner }), Some(watcher))
                            }
                            Err(Error::NoNode) => {
                                first = Ok(false);
                                continue;
                            }
                            Err(error) => (Err(error), None),
                        },
                        Ok(false) => match client.check_and_watch_stat(&path).await {
                            Ok((None, watcher)) => (Ok(Found::Nothing), Some(watcher)),
                            Ok((Some(_), _)) => {
                                first = Ok(true);
                                continue;
                            }
                            Err(error) => (Err(error), None),
                        },
                        Err(error) => (Err(error), None),
                    };
                    return Answer { id, result, watch: watcher.map(|watcher| (path, watcher)) };
                }
            })
        }
        Ask::List { id, path } => Box::pin(async move {
            let result = client.list_children(&path).await.map(Found::Names);
            Answer { id, result, watch: None }
        }),
        Ask::Write { id, changes } => {
            let mut writer = client.new_multi_writer();
            let added = changes.iter().try_for_each(|change| match change {
                Change::Check { path, version } => writer.add_check_version(path, *version),
                Change::Make { path, data, life: Life::Lasting } => writer.add_create(path, data, &LASTING),
                Change::Make { path, data, life: Life::Session } => writer.add_create(path, data, &OF_SESSION),
                Change::Set { path, data, version } => {
                    writer.add_set_data(path, data, (*version >= 0).then_some(*version))
                }
                Change::Remove { path } => writer.add_delete(path, None),
            });
            let commit = added.map(|()| writer.commit());
            Box::pin(async move {
                let result = match commit {
                    Ok(commit) => commit.await.map(|_| Found::Written).map_err(|error| match error {
                        MultiWriteError::RequestFailed { source } => source,
                        MultiWriteError::OperationFailed { source, .. } => source,
                    }),
                    Err(error) => Err(error),
                };
                Answer { id, result, watch: None }
            })
        }
    })
}

fn fault(error: Error) -> EnsembleFault {
    match error {
        Error::NoNode => EnsembleFault::Missing,
        Error::NodeExists => EnsembleFault::Exists,
        Error::BadVersion => EnsembleFault::Version,
        Error::ConnectionLoss | Error::SessionExpired | Error::SessionMoved | Error::Timeout | Error::ClientClosed => {
            EnsembleFault::Lost
        }
        other => EnsembleFault::Other(other.to_string()),
    }
}
