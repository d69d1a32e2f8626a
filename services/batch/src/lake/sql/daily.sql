-- A row a symbol: what the date was.
with day as (
  select
    trade_date,
    symbol,
    min_by(open, minute) as open,
    max(high) as high,
    min(low) as low,
    max_by(close, minute) as close,
    sum(volume) as volume,
    sum(notional) as notional,
    sum(vwap_volume) as vwap_volume,
    cast(sum(trade_count) as bigint) as trade_count,
    count(*) as active_minutes
  from minutes
  group by trade_date, symbol
),
moves as (
  select
    symbol,
    ln(cast(close as double) / lag(cast(close as double)) over (partition by symbol order by minute)) as log_return
  from minutes
  where close > 0
),
risk as (
  select symbol, sqrt(sum(log_return * log_return)) as realised_volatility from moves group by symbol
),
trades as (
  select
    symbol,
    min(traded_at) as first_trade_at,
    max(traded_at) as last_trade_at,
    count(*) filter (where not in_bars) as excluded_trades,
    count(*) filter (where is_rounded) as rounded_trades
  from trusted_trades
  group by symbol
),
trust as (
  select
    symbol,
    max(coverage) filter (where timeframe = '1d') as coverage,
    sum(revision) filter (where timeframe = '1m') as revisions
  from trusted_bars
  group by symbol
)
select
  day.trade_date,
  day.symbol,
  day.open,
  day.high,
  day.low,
  day.close,
  day.volume,
  day.notional,
  cast(day.notional as double) / nullif(cast(day.vwap_volume as double), 0) as vwap,
  cast(day.close as double) / nullif(cast(day.open as double), 0) - 1 as day_return,
  risk.realised_volatility,
  day.trade_count,
  trades.excluded_trades,
  trades.rounded_trades,
  day.active_minutes,
  trades.first_trade_at,
  trades.last_trade_at,
  trust.coverage,
  cast(coalesce(trust.revisions, 0) as bigint) as revisions
from day
left join risk on risk.symbol = day.symbol
left join trades on trades.symbol = day.symbol
left join trust on trust.symbol = day.symbol
order by day.symbol
