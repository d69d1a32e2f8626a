-- The stored bars of a trading date, typed.
select
  cast(tradeDate as date) as trade_date,
  symbol,
  timeframe,
  cast(window_start as timestamp) as window_start,
  cast(window_end as timestamp) as window_end,
  cast(open as double) as open,
  cast(high as double) as high,
  cast(low as double) as low,
  cast(close as double) as close,
  cast(volume as double) as volume,
  cast(notional as double) as notional,
  cast(vwap as double) as vwap,
  cast(realisedVolatility as double) as realised_volatility,
  cast(tradeCount as bigint) as trade_count,
  session,
  status,
  cast(revision as bigint) as revision,
  cast(coverage as double) as coverage,
  policy,
  feed,
  _id as id
from raw_bars
where tradeDate = (select max(trade_date) from the_date)
order by symbol, timeframe, 4, id
