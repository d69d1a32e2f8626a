-- What is not among the trusted trades, with the reason, as it was received.
select
  coalesce(reason, '') as reason,
  id,
  symbol,
  price_text,
  size_text,
  traded_at,
  received_at,
  session,
  trade_date,
  eligible,
  feed
from checked_trades
where reason is not null
order by symbol, id, copy
