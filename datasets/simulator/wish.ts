/**
 * What only the body would tell: `declined` a card or code that is refused, `invalid` a faulty body, `conflict` what is
 * there already, `missing` an account that is not, `odd` a strange value, `attack` one that filters know, `abort` the
 * client hangs up, `found` a code or a route in the path that is right, `forbidden` what is not this account's to do,
 * `limited` a limit on this one action, `file` and `part` a file that is there, all of it or a range. A number is the
 * status that the operator set for such a call, whatever else is asked: a route that moved, a signature that no longer
 * fits, a lock.
 */
export type Wish =
  | 'declined'
  | 'invalid'
  | 'conflict'
  | 'missing'
  | 'odd'
  | 'attack'
  | 'abort'
  | 'found'
  | 'forbidden'
  | 'limited'
  | 'file'
  | 'part'
  | number;
