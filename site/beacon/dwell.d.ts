// What the beacon offers to the scripts of a page, for TypeScript.
//
// Nothing here has to be there: `window.dwell` is undefined until the beacon has run, where a
// blocker took it, and to a visitor who opts out (GPC, DNT). So it is asked for each time:
//
//     window.dwell?.pageview({ view: "shop.Basket", identity: { items: 3 } });
//
// Always with `window.` before it: a bare `dwell` is an error of the page where there is none.

/** The beacon, or undefined where it does not run. */
interface Window {
  readonly dwell?: Dwell.Beacon;
}

declare namespace Dwell {
  /** What JSON can hold. */
  type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

  interface Beacon {
    /**
     * Begins a pageview now, for an application that knows better than the address what it
     * shows; the pageview before ends. A push or a traversal to another path begins one by itself:
     * name it behind the push, in the same task, and it is one pageview.
     */
    pageview(of: Pageview): void;

    /**
     * Whether the visitor lets themselves be measured; it is remembered. `true`: measuring begins,
     * or goes on. `false`: the visitor cookie, the session and all that waits to be sent are ended,
     * and nothing is measured until `true`. The promise is that of the request which ends the
     * visitor cookie: where it fails, say it again.
     */
    consent(given: true): true;
    consent(given: false): Promise<Response>;
    consent(given: boolean): true | Promise<Response>;
  }

  interface Pageview {
    /** Name of the view, 1 to 200 characters. */
    view: string;

    /**
     * What else identifies the page; if left out, only its path and title do. With these it is
     * at most 2,048 bytes of JSON, of which path and title leave 750 at least.
     */
    identity?: { readonly [name: string]: Json };
  }
}
