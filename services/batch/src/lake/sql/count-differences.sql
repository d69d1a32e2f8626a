-- Where the trades in bars and the trade counts of the stored bars differ, by symbol and timeframe.
-- checked_timeframes has the timeframes of which the bars of a date hold every trade once.
with lake as (
  select symbol, count(*) as trades
  from trusted_trades
  where in_bars
  group by symbol
),
stored as (
  select symbol, timeframe, sum(trade_count) as trades
  from trusted_bars
  where timeframe in (select timeframe from checked_timeframes)
  group by symbol, timeframe
),
symbols as (
  select symbol from lake union select symbol from stored
),
expected as (
  select symbols.symbol, checked_timeframes.timeframe
  from symbols
  cross join checked_timeframes
)
select
  expected.symbol,
  expected.timeframe,
  coalesce(lake.trades, 0) as lake_trades,
  coalesce(stored.trades, 0) as bar_trades
from expected
left join lake on lake.symbol = expected.symbol
left join stored on stored.symbol = expected.symbol and stored.timeframe = expected.timeframe
where coalesce(lake.trades, 0) <> coalesce(stored.trades, 0)
order by expected.symbol, expected.timeframe
