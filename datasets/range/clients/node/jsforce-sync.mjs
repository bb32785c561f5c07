/** A bulk synchronisation in Salesforce's manner: queries and their further pages, single records, updates of many at once. */
import { clientId, clientSecret, email, isOver, key, linger, load, main, password, random, spend, url } from './seat.mjs';

/** To a careless filter they look like an injection; they are what such clients send all day. */
const QUERIES = [
  "SELECT Id, Name, Email FROM Account WHERE Name LIKE 'O\\'Brien%' AND IsDeleted = false ORDER BY Name LIMIT 2000",
  "SELECT Id, FirstName, LastName FROM Contact WHERE Account.Industry IN ('Retail', 'Media') OR Account.AnnualRevenue > 1000000",
  "SELECT Id, Status, TotalAmount FROM Order WHERE Status != 'Draft' AND EffectiveDate = THIS_MONTH",
  "SELECT Id, Name FROM Product2 WHERE Name LIKE '%<b>%' OR Family = 'kitchen'",
  'SELECT COUNT(Id), OwnerId FROM Account GROUP BY OwnerId HAVING COUNT(Id) > 1',
  "SELECT Id FROM Account WHERE LastModifiedDate > 2026-01-02T00:00:00Z AND (Name = '--' OR Name = 'Union & Sons')",
  'SELECT Id, Name, Phone, BillingCity FROM Account WHERE SystemModstamp >= LAST_N_DAYS:3 ORDER BY SystemModstamp ASC',
  "SELECT Id, Name FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE StageName = 'Closed Won' AND Amount > 0)",
  "SELECT FIELDS(ALL) FROM Account WHERE Description = 'drop; delete; 1=1' LIMIT 200",
];

await main(async () => {
  const connection = await connect(await load('jsforce'));
  const queries = random.logInt(2, 24);
  const betweenMs = random.log(30, 1500);
  const pages = random.logInt(1, 20);
  for (let n = 0; n < queries && !isOver(); n++) {
    const records = await attempt(() => readQuery(connection, random.pick(QUERIES), pages, betweenMs));
    await follow(connection, records ?? [], betweenMs);
    await linger(betweenMs * 3);
  }
});

async function connect(jsforce) {
  const { Connection } = jsforce.default ?? jsforce;
  const common = {
    version: '58.0',
    maxRequest: random.int(1, 8),
    ...(random.chance(0.4) ? { callOptions: { client: 'acme-sync/7' } } : {}),
  };
  if (random.chance(0.5)) return new Connection({ ...common, instanceUrl: url, accessToken: key });
  const oauth2 = { loginUrl: url, clientId, clientSecret, redirectUri: 'https://sync.example/back' };
  const refreshFn = (mine, done) =>
    mine.loginByOAuth2(email, password).then(
      () => done(null, mine.accessToken),
      (error) => done(error),
    );
  const connection = new Connection({ ...common, loginUrl: url, instanceUrl: url, oauth2, refreshFn });
  await connection.loginByOAuth2(email, password);
  return connection;
}

async function readQuery(connection, soql, pages, betweenMs) {
  let result = await connection.query(soql, { autoFetch: false });
  const records = [...result.records];
  for (let n = 1; n < pages && !result.done && !isOver(); n++) {
    await linger(betweenMs / 2);
    spend();
    result = await connection.queryMore(result.nextRecordsUrl);
    records.push(...result.records);
  }
  return records;
}

/** Some records are read whole, and some written back, up to two hundred at a time. */
async function follow(connection, records, betweenMs) {
  const found = random.shuffle(records.filter(({ Id, attributes }) => Id && attributes));
  for (const { Id, attributes } of found.slice(0, random.chance(0.5) ? random.logInt(1, 25) : 0)) {
    if (isOver()) return;
    await attempt(() => connection.sobject(attributes.type).retrieve(Id));
    await linger(betweenMs / 3);
  }
  const updates = found.slice(0, random.chance(0.4) ? random.int(1, 200) : 0).map(({ Id }) => ({ Id, Synced__c: true }));
  if (updates.length === 0) return;
  const options = { allowRecursive: true };
  await attempt(() => connection.sobject(found[0].attributes.type).update(updates, options));
}

/** What fails is told and left for the next night. */
async function attempt(run) {
  spend();
  try {
    return await run();
  } catch (error) {
    console.error(String(error));
    await linger(1500);
    return null;
  }
}
