-- How easily each symbol traded. Amihud: mean of |return| over traded value a minute (Journal of Financial Markets 5, 2002),
-- here per million. Roll: spread from the bounce of prices, 2 sqrt(-cov of successive changes), in the quote currency
-- (Journal of Finance 39, 1984); null where the covariance is not negative.
with changes as (
  select
    symbol,
    sequence,
    cast(price as double) - lag(cast(price as double)) over (partition by symbol order by sequence) as change
  from trusted_trades
  where in_bars and sets_last
),
pairs as (
  select
    symbol,
    change,
    lag(change) over (partition by symbol order by sequence) as before
  from changes
),
bounce as (
  select symbol, covar_pop(change, before) as covariance
  from pairs
  where change is not null and before is not null
  group by symbol
),
moves as (
  select
    symbol,
    abs(cast(close as double) / nullif(lag(cast(close as double)) over (partition by symbol order by minute), 0) - 1)
      as move,
    cast(notional as double) as notional
  from minutes
),
impact as (
  select symbol, avg(1e6 * move / notional) as amihud_per_million
  from moves
  where notional > 0 and move is not null
  group by symbol
),
sizes as (
  select
    symbol,
    count(*) as trade_count,
    avg(cast(size as double)) as mean_size,
    percentile_cont(0.5) within group (order by cast(size as double)) as median_size,
    max(cast(size as double)) as largest_size,
    avg(case when size < 100 then 1e0 else 0e0 end) as odd_lot_share
  from trusted_trades
  where in_bars
  group by symbol
),
activity as (
  select symbol, count(*) as active_minutes, max(trade_count) as busiest_minute from minutes group by symbol
)
select
  sizes.symbol,
  sizes.trade_count,
  sizes.trade_count / cast(activity.active_minutes as double) as trades_per_minute,
  activity.busiest_minute,
  sizes.mean_size,
  sizes.median_size,
  sizes.largest_size,
  sizes.odd_lot_share,
  impact.amihud_per_million,
  case when bounce.covariance < 0 then 2 * sqrt(-bounce.covariance) end as roll_spread
from sizes
left join activity on activity.symbol = sizes.symbol
left join impact on impact.symbol = sizes.symbol
left join bounce on bounce.symbol = sizes.symbol
order by sizes.symbol
