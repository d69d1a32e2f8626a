-- Volume by half-hour of New York: how the date's trading was spread over it.
with halves as (
  select
    symbol,
    cast(
      hour(from_utc_timestamp(minute, 'America/New_York')) * 60
        + case when minute(from_utc_timestamp(minute, 'America/New_York')) < 30 then 0 else 30 end
      as bigint
    ) as minute_of_day,
    volume,
    notional,
    trade_count
  from minutes
)
select
  symbol,
  minute_of_day,
  sum(volume) as volume,
  sum(notional) as notional,
  cast(sum(trade_count) as bigint) as trade_count,
  cast(sum(volume) as double)
    / nullif(cast(sum(sum(volume)) over (partition by symbol) as double), 0) as volume_share
from halves
group by symbol, minute_of_day
order by symbol, minute_of_day
