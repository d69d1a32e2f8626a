-- One-minute bars computed from the trades, under the rules of docs/bars.md. Sums are exact decimals.
select
  trade_date,
  symbol,
  cast(date_trunc('minute', traded_at) as timestamp) as minute,
  coalesce(
    min_by(price, sequence) filter (where sets_last),
    min_by(price, sequence) filter (where sets_last_if_none)
  ) as open,
  max(price) filter (where sets_high_low) as high,
  min(price) filter (where sets_high_low) as low,
  coalesce(
    max_by(price, sequence) filter (where sets_last),
    max_by(price, sequence) filter (where sets_last_if_none)
  ) as close,
  cast(coalesce(sum(size) filter (where adds_volume), 0) as decimal(38, 8)) as volume,
  cast(coalesce(sum(price * size) filter (where adds_volume and sets_last), 0) as decimal(38, 16)) as notional,
  cast(coalesce(sum(size) filter (where adds_volume and sets_last), 0) as decimal(38, 8)) as vwap_volume,
  count(*) as trade_count,
  min(session) as session
from trusted_trades
where in_bars
group by trade_date, symbol, date_trunc('minute', traded_at)
order by symbol, minute
