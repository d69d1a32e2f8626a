-- The trades of a trading date, once each, in the order of the tape: by time, then in the order of the feed.
-- price and size are exact to 8 decimals; *_double is the number as MongoDB has it, is_rounded where both differ.
select
  cast(trade_date as date) as trade_date,
  symbol,
  cast(row_number() over (partition by symbol order by traded_at, connection, frame, frame_index) as bigint) as sequence,
  id,
  traded_at,
  received_at,
  price,
  size,
  price_double,
  size_double,
  is_rounded,
  conditions,
  session,
  eligible,
  eligible = 'price and volume' or eligible like '%high and low%' as sets_high_low,
  eligible = 'price and volume'
    or (eligible like '%open and close%' and eligible not like '%if no other%') as sets_last,
  eligible like '%if no other%' as sets_last_if_none,
  eligible like '%volume%' as adds_volume,
  in_bars,
  exclusion,
  feed,
  vendor_id,
  copy_of
from checked_trades
where reason is null
order by symbol, sequence
