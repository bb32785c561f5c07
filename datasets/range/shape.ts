/** The three API shapes of the range: the same business behind other paths, ids, paging and ways of saying no. */

export type ShapeName = 'shop' | 'bank' | 'desk';
export type IdKind = 'number' | 'uuid';

/** Logical names to paths; `{}` is where an id goes. Names that begin with `_` are facts, not paths. */
export type ApiMap = Readonly<Record<string, string>>;

export interface ApiShape {
  readonly name: ShapeName;
  readonly map: ApiMap;
  readonly ids: { readonly orders: IdKind; readonly customers: IdKind; readonly products: IdKind };
  readonly paging: 'page' | 'offset' | 'cursor';
  /** Status for a thing of somebody else's. */
  readonly denial: 403 | 404;
  /** Status of a login at an account that had too many failures. */
  readonly lockout: 429 | 423;
  readonly introspection: boolean;
  /** Calls a second that one key, one other client, and one client's searches may make. */
  readonly limits: { readonly key: number; readonly other: number; readonly search: number };
}

interface Nouns {
  readonly prefix: string;
  readonly orders: string;
  readonly customers: string;
  readonly products: string;
  readonly session: string;
}

const SALESFORCE = '/services/data/v58.0';

/** What all shapes have in common: software that is bought comes with its own paths. */
const BOUGHT = {
  graphql: '/graphql',
  query: `${SALESFORCE}/query`,
  sobject: `${SALESFORCE}/sobjects/Account/{}`,
  composite: `${SALESFORCE}/composite/sobjects`,
  salesforceToken: '/services/oauth2/token',
  scim: '/scim/v2',
  scimUsers: '/scim/v2/Users',
  scimUser: '/scim/v2/Users/{}',
  scimGroups: '/scim/v2/Groups',
  hooks: '/hooks/{}',
  feed: '/feed.xml',
  robots: '/robots.txt',
  sitemap: '/sitemap.xml',
  pages: '/',
  page: '/p/{}',
  assets: '/assets/{}',
  health: '/health',
  metrics: '/metrics',
  dav: '/dav/',
  caldav: '/caldav/',
  openapi: '/openapi.json',
} as const;

function mapOf({ prefix, orders, customers, products, session }: Nouns) {
  return {
    ...BOUGHT,
    login: `${prefix}/${session}/login`,
    token: `${prefix}/oauth/token`,
    signup: `${prefix}/users`,
    otpSend: `${prefix}/${session}/otp`,
    otpVerify: `${prefix}/${session}/otp/verify`,
    reset: `${prefix}/${session}/password-reset`,
    me: `${prefix}/me`,
    orders: `${prefix}/${orders}`,
    order: `${prefix}/${orders}/{}`,
    customers: `${prefix}/${customers}`,
    customer: `${prefix}/${customers}/{}`,
    products: `${prefix}/${products}`,
    product: `${prefix}/${products}/{}`,
    search: `${prefix}/search`,
    cart: `${prefix}/carts`,
    cartItems: `${prefix}/carts/{}/items`,
    checkout: `${prefix}/carts/{}/checkout`,
    coupon: `${prefix}/carts/{}/coupon`,
    payments: `${prefix}/payments`,
    giftcard: `${prefix}/giftcards/{}/balance`,
    files: `${prefix}/files`,
    file: `${prefix}/files/{}`,
    telemetry: `${prefix}/devices/{}/telemetry`,
    builds: `${prefix}/builds`,
    build: `${prefix}/builds/{}`,
    artifacts: `${prefix}/artifacts/{}`,
    admin: `${prefix}/admin/users`,
  };
}

/** What drivers must know of a shape beside its paths stands in the map too. */
function shapeOf(nouns: Parameters<typeof mapOf>[0], facts: Omit<ApiShape, 'map'>): ApiShape {
  return { ...facts, map: { ...mapOf(nouns), _shape: facts.name, _paging: facts.paging, _ids: facts.ids.orders } };
}

export const SHAPES: Readonly<Record<ShapeName, ApiShape>> = {
  shop: shapeOf(
    { prefix: '/v1', orders: 'orders', customers: 'customers', products: 'products', session: 'auth' },
    {
      name: 'shop',
      ids: { orders: 'number', customers: 'uuid', products: 'number' },
      paging: 'page',
      denial: 403,
      lockout: 429,
      introspection: true,
      limits: { key: 40, other: 15, search: 3 },
    },
  ),
  bank: shapeOf(
    { prefix: '/api/v2', orders: 'transfers', customers: 'people', products: 'offers', session: 'auth' },
    {
      name: 'bank',
      ids: { orders: 'uuid', customers: 'uuid', products: 'uuid' },
      paging: 'offset',
      denial: 404,
      lockout: 423,
      introspection: false,
      limits: { key: 30, other: 12, search: 3 },
    },
  ),
  desk: shapeOf(
    { prefix: '/rest', orders: 'tickets', customers: 'contacts', products: 'articles', session: 'session' },
    {
      name: 'desk',
      ids: { orders: 'number', customers: 'number', products: 'number' },
      paging: 'cursor',
      denial: 403,
      lockout: 429,
      introspection: false,
      limits: { key: 50, other: 20, search: 4 },
    },
  ),
};
